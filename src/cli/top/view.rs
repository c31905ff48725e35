//! How `top` looks.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Stylize;
use ratatui::text::Line as Text;
use ratatui::widgets::{Block, Clear, Paragraph, Row, Table, TableState};

use mirrorball_runtime::addr::PAGE_SIZE;

use super::ctl::bytes;
use super::keys::{Line, State};

const HEAD: [&str; 14] = [
    "NAME",
    "STATE",
    "CPU%",
    "MIPS",
    "EXITS/s",
    "TLB/s",
    "HOST",
    "CODE",
    "PRIVATE",
    "SHARED",
    "ZERO",
    "BALLOON",
    "SWAP",
    "EXITS/s BY REASON",
];
/// The columns with numbers.
const NUMBERS: std::ops::Range<usize> = 2..13;
/// The columns that go where there is no room for all, the first one first.
const LEAVE: [usize; 12] = [13, 10, 12, 11, 9, 6, 7, 5, 4, 8, 1, 3];
/// Between columns.
const GAP: usize = 1;

const HELP: &str = "\
q        quit
up, down choose a VM
p        pause it
r        resume it
s        sort by another column
h        this help

HOST is the host's memory beside the guest's;
CODE is the translated code in it; EXITS are returns from
translated code to the monitor; TLB is refills and
misses of the software TLB. Any key goes on.";

/// Draws all of it; with the footer if there are keys to press.
pub(super) fn draw(frame: &mut Frame<'_>, state: &State, keys: bool) {
    let footer = u16::from(keys);
    let [head, table, foot] = Layout::vertical([
        Constraint::Length(3),
        Constraint::Min(1),
        Constraint::Length(footer),
    ])
    .areas(frame.area());
    frame.render_widget(Paragraph::new(header(state)), head);
    draw_table(frame, state, table, keys);
    if keys {
        let text = match &state.message {
            Some(message) => Text::from(message.as_str()).red(),
            None => Text::from(format!(
                "q quit  arrows choose  p pause  r resume  s sort ({})  h help",
                state.sort.name()
            )),
        };
        frame.render_widget(text, foot);
    }
    if state.help {
        draw_help(frame);
    }
}

/// What the monitor does.
fn header(state: &State) -> Vec<Text<'static>> {
    let monitor = &state.monitor;
    let memory = &monitor.machine_memory;
    let vms = state.vms();
    let reads: u64 = vms.iter().map(|line| line.vm.shared_reads).sum();
    vec![
        Text::from(format!(
            "mirrorball {}  up {:.0} s  {} host threads  {:.0} switches/s  {} VMs",
            monitor.version,
            monitor.uptime_seconds,
            monitor.host_threads,
            state.switches,
            vms.len()
        )),
        Text::from(format!(
            "memory {} of {}, {} free  sharing saves {}, disk reads found {}  swap {} of {}",
            bytes(memory.used),
            bytes(memory.limit),
            bytes(memory.free),
            bytes(memory.shared_saved),
            bytes(reads * PAGE_SIZE),
            bytes(memory.swap_used),
            bytes(memory.swap_limit)
        )),
    ]
}

fn draw_table(frame: &mut Frame<'_>, state: &State, area: Rect, keys: bool) {
    let rows: Vec<_> = state.vms().into_iter().map(cells).collect();
    let widths = widths(&rows);
    let columns = columns(&widths, area.width.into());
    let row = |cells: &[String; 14]| {
        let cells = columns.iter().map(|&index| align(index, &cells[index]));
        Row::new(cells.collect::<Vec<_>>())
    };
    let constraints = columns.iter().map(|&index| match index {
        13 => Constraint::Min(0),
        _ => Constraint::Length(widths[index] as u16),
    });
    let table = Table::new(rows.iter().map(row), constraints)
        .column_spacing(GAP as u16)
        .header(row(&HEAD.map(str::to_owned)).bold())
        .row_highlight_style(ratatui::style::Style::new().reversed());
    let chosen = state.at().filter(|_| keys);
    let mut selection = TableState::new().with_selected(chosen);
    frame.render_stateful_widget(table, area, &mut selection);
}

/// How wide each column is with all that is in it; the last one may be cut.
fn widths(rows: &[[String; 14]]) -> [usize; 14] {
    std::array::from_fn(|index| {
        let cells = rows.iter().filter(|_| index < 13);
        let cells = cells.map(|cells| cells[index].chars().count());
        cells.fold(HEAD[index].len(), usize::max)
    })
}

/// The columns that there is room for: none is cut but the last one, and the name if not even that
/// has room.
fn columns(widths: &[usize; 14], room: usize) -> Vec<usize> {
    let mut columns: Vec<usize> = (0..14).collect();
    let needs = |columns: &[usize]| {
        columns
            .iter()
            .map(|&index| widths[index] + GAP)
            .sum::<usize>()
    };
    for leaves in LEAVE {
        if needs(&columns) > room + GAP {
            columns.retain(|&index| index != leaves);
        }
    }
    columns
}

/// Names to the left, numbers to the right.
fn align(column: usize, text: &str) -> Text<'static> {
    let line = Text::from(text.to_owned());
    if NUMBERS.contains(&column) {
        line.right_aligned()
    } else {
        line
    }
}

/// What the columns say of a VM.
fn cells(line: &Line) -> [String; 14] {
    let Line { vm, rates } = line;
    let code = vm.code_cache.as_ref().map(|code| bytes(code.bytes));
    let mut exits: Vec<_> = rates
        .exits
        .iter()
        .filter(|(_, rate)| **rate > 0.0)
        .collect();
    exits.sort_by(|a, b| b.1.total_cmp(a.1));
    let exits: Vec<_> = exits
        .into_iter()
        .map(|(reason, rate)| format!("{reason} {rate:.0}"))
        .collect();
    [
        vm.name.clone(),
        vm.state.name().to_owned(),
        format!("{:.1}", 100.0 * rates.cpu),
        format!("{:.1}", rates.mips),
        format!("{:.0}", rates.all_exits()),
        format!("{:.0}", rates.tlb),
        bytes(vm.host_memory.values().map(|held| held.bytes).sum()),
        code.unwrap_or_else(|| "-".to_owned()),
        bytes(vm.memory.private),
        bytes(vm.memory.shared),
        bytes(vm.memory.zero),
        bytes(vm.memory.ballooned),
        bytes(vm.memory.swapped),
        exits.join(", "),
    ]
}

fn draw_help(frame: &mut Frame<'_>) {
    let all = frame.area();
    let area = all.centered(
        Constraint::Length(54.min(all.width)),
        Constraint::Length(13.min(all.height)),
    );
    frame.render_widget(Clear, area);
    frame.render_widget(
        Paragraph::new(HELP).block(Block::bordered().title("top")),
        area,
    );
}

/// What is on a screen, as text.
pub(super) fn text(buffer: &Buffer) -> String {
    let mut text = String::new();
    for row in buffer.content().chunks(buffer.area().width.into()) {
        let line: String = row.iter().map(|cell| cell.symbol()).collect();
        text += line.trim_end();
        text.push('\n');
    }
    let end = text.trim_end().len();
    text.truncate(end);
    text.push('\n');
    text
}
