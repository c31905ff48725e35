//! Every way to ask the monitor, as one table: the server looks requests up in it, and
//! `docs/openapi.yaml` is made from it.

use percent_encoding::percent_decode_str;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api::{
    Action, ControlError, DebugRequest, Failure, Machines, MemoryTargetRequest, PressRequest,
    ShareRequest, ShutDownRequest, StateRequest,
};
use super::http::{Answer, Content, Request};
use super::metrics;

const JSON: &str = "application/json";
const SNAPSHOT: &str = "application/octet-stream";
/// What a console speaks.
pub(super) const CONSOLE: &str = "mirrorball-console";
/// What two monitors say of a VM that moves.
pub(super) const MIGRATION: &str = "mirrorball-migration";
/// GDB's remote protocol.
pub(super) const GDB: &str = "gdb-remote";

/// What a body holds, by the name of its type in [`super::api`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One of the type.
    One(&'static str),
    /// A list of them.
    Many(&'static str),
    /// Metrics in the text format of Prometheus.
    Metrics,
    /// A snapshot, as `mirrorball run --restore` reads it.
    Snapshot,
    /// None: behind it the connection speaks this protocol, which the request asks for by Upgrade.
    Protocol(&'static str),
}

/// A way to ask.
pub struct Route {
    /// The method: GET, PUT or POST.
    pub method: &'static str,
    /// The path, with `{name}` for a VM's name.
    pub path: &'static str,
    /// What it is for.
    pub summary: &'static str,
    /// The body of the request, by the name of its type.
    pub request: Option<&'static str>,
    /// The body of the answer.
    pub answer: Shape,
    handle: fn(&dyn Machines, &str, &[u8]) -> Result<Body, ControlError>,
}

/// The body of an answer.
struct Body {
    kind: &'static str,
    content: Content,
}

impl Body {
    fn bytes(kind: &'static str, bytes: Vec<u8>) -> Self {
        let content = Content::Bytes(bytes);
        Self { kind, content }
    }
}

/// Every way to ask.
pub const ROUTES: &[Route] = &[
    Route {
        method: "GET",
        path: "/",
        summary: "The monitor and all its VMs",
        request: None,
        answer: Shape::One("MonitorStatus"),
        handle: |machines, _, _| json(&machines.status()),
    },
    Route {
        method: "GET",
        path: "/vms",
        summary: "All VMs",
        request: None,
        answer: Shape::Many("VmStatus"),
        handle: |machines, _, _| json(&machines.status().vms),
    },
    Route {
        method: "GET",
        path: "/vms/{name}",
        summary: "One VM",
        request: None,
        answer: Shape::One("VmStatus"),
        handle: |machines, name, _| match machines.vm(name) {
            Some(vm) => json(&vm),
            None => Err(ControlError::NoSuchVm(name.to_owned())),
        },
    },
    Route {
        method: "GET",
        path: "/vms/{name}/processes",
        summary: "The address spaces that the guest uses",
        request: None,
        answer: Shape::Many("Process"),
        handle: |machines, name, _| json(&machines.processes(name)?),
    },
    Route {
        method: "GET",
        path: "/vms/{name}/snapshot",
        summary: "A snapshot of the VM, which runs on",
        request: None,
        answer: Shape::Snapshot,
        handle: |machines, name, _| {
            Ok(Body {
                kind: SNAPSHOT,
                content: Content::Stream(machines.save(name)?),
            })
        },
    },
    Route {
        method: "GET",
        path: "/vms/{name}/console",
        summary: "The VM's console: what the guest prints comes as it is; what is typed is sent in frames \
                  of a letter (t typed, p piped, b break, w columns and rows of the window), a length of \
                  16 bits and as many bytes",
        request: None,
        answer: Shape::Protocol(CONSOLE),
        handle: |machines, name, _| {
            Ok(Body {
                kind: CONSOLE,
                content: Content::Talk(machines.attach(name)?),
            })
        },
    },
    Route {
        method: "POST",
        path: "/vms/{name}/migration",
        summary: "Have the VM go on under another monitor, which waits at a socket: what each of the two \
                  connections says is carried to the other, as docs/migration.md tells",
        request: None,
        answer: Shape::Protocol(MIGRATION),
        handle: |machines, name, _| {
            Ok(Body {
                kind: MIGRATION,
                content: Content::Talk(machines.leave(name)?),
            })
        },
    },
    Route {
        method: "POST",
        path: "/vms/{name}/gdb",
        summary: "Debug the VM: it stands still from then on, and goes on when the debugger lets it, or leaves",
        request: Some("DebugRequest"),
        answer: Shape::Protocol(GDB),
        handle: |machines, name, body| {
            let request: DebugRequest = parsed(body)?;
            Ok(Body {
                kind: GDB,
                content: Content::Talk(machines.debug(name, request.history)?),
            })
        },
    },
    Route {
        method: "PUT",
        path: "/vms/{name}/state",
        summary: "Start, pause, resume, reset or stop the VM",
        request: Some("StateRequest"),
        answer: Shape::One("VmStatus"),
        handle: |machines, name, body| {
            let request: StateRequest = parsed(body)?;
            json(&machines.act(name, request.action.into())?)
        },
    },
    Route {
        method: "PUT",
        path: "/vms/{name}/share",
        summary: "Change the VM's share of the host's time",
        request: Some("ShareRequest"),
        answer: Shape::One("VmStatus"),
        handle: |machines, name, body| {
            let request: ShareRequest = parsed(body)?;
            json(&machines.act(name, Action::Share(request.share))?)
        },
    },
    Route {
        method: "PUT",
        path: "/vms/{name}/memory-target",
        summary: "Change how much memory the VM is to have",
        request: Some("MemoryTargetRequest"),
        answer: Shape::One("VmStatus"),
        handle: |machines, name, body| {
            let request: MemoryTargetRequest = parsed(body)?;
            json(&machines.act(name, Action::MemoryTarget(request.bytes))?)
        },
    },
    Route {
        method: "PUT",
        path: "/vms/{name}/shutdown",
        summary: "Ask the VM's guest to shut down; a VM that its guest resets then is off",
        request: Some("ShutDownRequest"),
        answer: Shape::One("VmStatus"),
        handle: |machines, name, body| {
            let request: ShutDownRequest = parsed(body)?;
            json(&machines.act(name, Action::ShutDown(request.key))?)
        },
    },
    Route {
        method: "PUT",
        path: "/vms/{name}/press",
        summary: "Press a key, or send a break on the serial line",
        request: Some("PressRequest"),
        answer: Shape::One("VmStatus"),
        handle: |machines, name, body| {
            let request: PressRequest = parsed(body)?;
            json(&machines.act(name, Action::Press(request.press))?)
        },
    },
    Route {
        method: "GET",
        path: "/metrics",
        summary: "All counters, for Prometheus",
        request: None,
        answer: Shape::Metrics,
        handle: |machines, _, _| {
            let text = metrics::render(&machines.status())
                .map_err(|error| ControlError::Host(error.to_string()))?;
            Ok(Body::bytes(metrics::KIND, text.into_bytes()))
        },
    },
];

fn json(value: &impl Serialize) -> Result<Body, ControlError> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|error| ControlError::Host(error.to_string()))?;
    bytes.push(b'\n');
    Ok(Body::bytes(JSON, bytes))
}

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, ControlError> {
    serde_json::from_slice(body)
        .map_err(|error| ControlError::Value(format!("the body is not what it must be: {error}")))
}

/// The status for a request that the monitor does not do.
pub(super) const fn status(error: &ControlError) -> u16 {
    match error {
        ControlError::NoSuchVm(_) => 404,
        ControlError::State { .. } => 409,
        ControlError::Value(_) => 400,
        ControlError::Unsupported(_) => 501,
        ControlError::Host(_) => 500,
    }
}

/// The VM's name in `path` if that is made like `template`; empty if the template has none.
fn matched(template: &str, path: &[String]) -> Option<String> {
    let mut parts = template.split('/').skip(1);
    let mut name = String::new();
    for segment in path {
        match parts.next()? {
            "{name}" => name.clone_from(segment),
            part if part == segment => {}
            _ => return None,
        }
    }
    parts.next().is_none().then_some(name)
}

/// The parts of a request's path, decoded; nothing if it is no path.
fn segments(target: &str) -> Option<Vec<String>> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    path.split('/')
        .map(|part| Some(percent_decode_str(part).decode_utf8().ok()?.into_owned()))
        .collect()
}

/// The answer to a request.
pub(crate) fn answer(machines: &dyn Machines, request: &Request) -> Answer {
    let Some(path) = segments(&request.target) else {
        return failure(400, "the request's target is no path");
    };
    let at_path: Vec<_> = ROUTES
        .iter()
        .filter_map(|route| Some((route, matched(route.path, &path)?)))
        .collect();
    if at_path.is_empty() {
        return failure(
            404,
            "there is nothing at this path; GET / shows what there is",
        );
    }
    let method = match request.method.as_str() {
        "HEAD" => "GET",
        other => other,
    };
    let Some((route, name)) = at_path.iter().find(|(route, _)| route.method == method) else {
        let methods: Vec<_> = at_path.iter().map(|(route, _)| route.method).collect();
        let allow = methods.join(", ");
        let mut answer = failure(405, &format!("this path takes {allow}"));
        answer.allow = Some(allow);
        return answer;
    };
    let status_done = match route.answer {
        Shape::Protocol(protocol)
            if request.upgrade.as_deref() != Some(protocol) || request.method != route.method =>
        {
            return failure(426, &format!("this path takes Upgrade: {protocol}"));
        }
        Shape::Protocol(_) => 101,
        _ => 200,
    };
    match (route.handle)(machines, name, &request.body) {
        Ok(body) => Answer {
            status: status_done,
            kind: body.kind,
            allow: None,
            body: body.content,
        },
        Err(error) => failure(status(&error), &error.to_string()),
    }
}

/// An answer that says why there is no better one.
pub(super) fn failure(status: u16, error: &str) -> Answer {
    let failure = Failure {
        error: error.to_owned(),
    };
    Answer {
        status,
        kind: JSON,
        allow: None,
        // A text can always be JSON.
        body: Content::Bytes(serde_json::to_vec(&failure).unwrap_or_default()),
    }
}
