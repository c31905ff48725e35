use ratatui::crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};

use super::keys::Sort;
use super::*;
use crate::control::testing::{self, Fake};
use crate::control::{Action, Claimed, MonitorStatus, Server};

/// Two seconds later, with another VM before.
fn looked_twice() -> State {
    let mut state = State::default();
    let start = Instant::now();
    state.update(testing::status(), start);
    let mut status = testing::status();
    status.switches += 100;
    let web = &mut status.vms[0];
    web.cpu_seconds += 1.0;
    web.instructions += 600_000_000;
    web.tlb_refills += 10;
    web.soft_tlb_misses += 30;
    web.exits.insert("horizon".to_owned(), 1000);
    web.exits.insert("wait".to_owned(), 700);
    state.update(status, start + Duration::from_secs(2));
    state
}

fn shown(state: &State, width: u16, height: u16) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(width, height));
    let Ok(_) = terminal.draw(|frame| view::draw(frame, state, true));
    view::text(terminal.backend().buffer())
}

fn press(state: &mut State, code: KeyCode) -> Then {
    state.take(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)))
}

fn chosen(state: &State) -> &str {
    &state.vms()[state.at().unwrap()].vm.name
}

#[test]
fn a_line_says_what_a_vm_does_a_second() {
    let text = shown(&looked_twice(), 140, 10);
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].contains("50 switches/s  2 VMs"), "{text}");
    assert_eq!(
        lines[1],
        "memory 96M of 256M, 160M free  sharing saves 24M, disk reads found 1024K  swap 4096K of 64M"
    );
    let web: Vec<_> = lines[4].split_whitespace().collect();
    assert_eq!(
        web,
        [
            "web", "running", "50.0", "600.0", "350", "20", "4096K", "3072K", "32M", "8192K",
            "16M", "6144K", "2048K", "wait", "300,", "horizon", "50"
        ],
        "{text}"
    );
    assert!(lines[5].starts_with("db"), "{text}");
    assert!(lines[9].starts_with("q quit"), "{text}");
}

#[test]
fn columns_go_where_there_is_no_room_and_numbers_are_whole() {
    let mut state = State::default();
    let start = Instant::now();
    let mut status = testing::status();
    status.vms[0].name = "a-machine-with-a-long-name-1".to_owned();
    state.update(status.clone(), start);
    let web = &mut status.vms[0];
    web.cpu_seconds += 1.0;
    web.exits.insert("horizon".to_owned(), 847_666);
    state.update(status, start + Duration::from_secs(1));
    let wide = shown(&state, 140, 10);
    assert!(
        wide.contains("846766 ") && wide.contains("horizon 846766"),
        "{wide}"
    );
    for width in 40..140 {
        let text = shown(&state, width, 10);
        let line: Vec<_> = text.lines().nth(4).unwrap().split_whitespace().collect();
        assert_eq!(line[0], "a-machine-with-a-long-name-1", "{text}");
        let head: Vec<_> = text.lines().nth(3).unwrap().split_whitespace().collect();
        let reason = head.iter().position(|name| *name == "BY");
        let exits = head.iter().position(|name| *name == "EXITS/s");
        if let Some(place) = exits.filter(|&place| Some(place + 1) != reason) {
            assert_eq!(line[place], "846766", "{text}");
        }
        assert!(!text.contains("46766") || text.contains("846766"), "{text}");
    }
}

#[test]
fn a_vm_that_started_anew_has_no_negative_rates() {
    let mut state = looked_twice();
    state.update(testing::status(), Instant::now() + Duration::from_secs(5));
    let line = state.vms()[0];
    assert_eq!(
        (line.rates.mips, line.rates.cpu, line.rates.tlb),
        (0.0, 0.0, 0.0)
    );
}

#[test]
fn keys_do_what_they_say() {
    let mut state = looked_twice();
    let web = "web".to_owned();
    assert_eq!(
        press(&mut state, KeyCode::Char('p')),
        Then::Act(web, Action::Pause)
    );
    press(&mut state, KeyCode::Down);
    press(&mut state, KeyCode::Down);
    assert_eq!(chosen(&state), "db");
    let db = "db".to_owned();
    assert_eq!(
        press(&mut state, KeyCode::Char('r')),
        Then::Act(db, Action::Resume)
    );
    press(&mut state, KeyCode::Char('s'));
    assert_eq!(
        (state.sort, state.at()),
        (Sort::Name, Some(0)),
        "it stays chosen"
    );
    assert!(shown(&state, 100, 20).contains("sort (name)"));
    press(&mut state, KeyCode::Char('h'));
    assert!(shown(&state, 100, 20).contains("pause it"));
    assert_eq!(
        press(&mut state, KeyCode::Char('p')),
        Then::Nothing,
        "help goes"
    );
    assert!(!state.help);
    assert_eq!(press(&mut state, KeyCode::Char('q')), Then::Quit);
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(state.take(&Event::Key(ctrl_c)), Then::Quit);
}

#[test]
fn no_vms_and_no_room_are_shown_as_well() {
    let mut state = State::default();
    state.update(MonitorStatus::default(), Instant::now());
    press(&mut state, KeyCode::Down);
    assert_eq!(press(&mut state, KeyCode::Char('p')), Then::Nothing);
    state.help = true;
    for (width, height) in [(1, 1), (10, 3), (20, 5), (300, 100)] {
        shown(&state, width, height);
        shown(&looked_twice(), width, height);
    }
}

#[test]
fn a_refusal_is_shown_until_the_next_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let fake = std::sync::Arc::new(Fake::new(testing::status()));
    let _server = Server::start(Claimed::new(&path).unwrap(), fake).unwrap();
    let mut state = looked_twice();
    state.tell(Client::new(&path).act("db", Action::Pause).err());
    assert!(shown(&state, 132, 10).contains("db is stopped: this does not fit"));
    press(&mut state, KeyCode::Up);
    assert!(shown(&state, 132, 10).contains("q quit"));
}

#[test]
fn once_needs_no_terminal() {
    let text = once(&looked_twice());
    assert_eq!(text.lines().count(), 6, "{text}");
    assert!(
        text.lines()
            .nth(4)
            .unwrap()
            .ends_with("wait 300, horizon 50"),
        "{text}"
    );
    assert!(!text.contains("q quit") && !text.contains('\x1b'));
}
