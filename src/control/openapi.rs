//! Keeps `docs/openapi.yaml` true: it is what the routes and the types say, to the letter.

use std::fs;
use std::path::Path;

use utoipa::openapi::content::Content;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::schema::{Array, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, Paths, Ref, Required};

use super::api::{
    BalloonStatus, CodeCacheStatus, DebugRequest, Failure, HostMemory, MachineMemory, MemoryStatus,
    MemoryTargetRequest, MonitorStatus, Process, ShareRequest, StateAction, StateRequest, VmState,
    VmStatus,
};
use super::routes::{ROUTES, Route, Shape};

const JSON: &str = "application/json";

fn of(name: &str) -> Ref {
    Ref::from_schema_name(name)
}

/// The status and the body of an answer that does what was asked.
fn done(route: &Route) -> (&'static str, ResponseBuilder) {
    let response = ResponseBuilder::new();
    let content = match route.answer {
        Shape::Protocol(name) => {
            let about = format!(
                "The connection speaks {name} from now on; the request has Upgrade: {name}"
            );
            return ("101", response.description(about));
        }
        Shape::One(name) => (JSON, Content::new(Some(of(name)))),
        Shape::Many(name) => (JSON, Content::new(Some(Array::new(of(name))))),
        Shape::Metrics => {
            let text = Object::with_type(Type::String);
            ("text/plain", Content::new(Some(text)))
        }
        Shape::Snapshot => {
            let binary = ObjectBuilder::new()
                .schema_type(Type::String)
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)));
            let content = Content::new(Some(binary.build()));
            ("application/octet-stream", content)
        }
    };
    (
        "200",
        response.description("Done").content(content.0, content.1),
    )
}

fn operation(route: &Route) -> OperationBuilder {
    let (status, response) = done(route);
    let mut operation = OperationBuilder::new()
        .summary(Some(route.summary))
        .response(status, response)
        .response(
            "default",
            ResponseBuilder::new()
                .description("Not done, and why")
                .content(JSON, Content::new(Some(of("Failure")))),
        );
    if route.path.contains("{name}") {
        let name = ParameterBuilder::new()
            .name("name")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("The VM's name"))
            .schema(Some(Object::with_type(Type::String)));
        operation = operation.parameter(name);
    }
    if let Some(request) = route.request {
        let body = RequestBodyBuilder::new()
            .required(Some(Required::True))
            .content(JSON, Content::new(Some(of(request))));
        operation = operation.request_body(Some(body.build()));
    }
    operation
}

fn document() -> String {
    let mut paths = Paths::new();
    for route in ROUTES {
        let method = match route.method {
            "GET" => HttpMethod::Get,
            "PUT" => HttpMethod::Put,
            "POST" => HttpMethod::Post,
            other => panic!("{other} is new"),
        };
        paths.add_path_operation(route.path, vec![method], operation(route));
    }
    let components = ComponentsBuilder::new()
        .schema_from::<MonitorStatus>()
        .schema_from::<VmStatus>()
        .schema_from::<VmState>()
        .schema_from::<MemoryStatus>()
        .schema_from::<BalloonStatus>()
        .schema_from::<CodeCacheStatus>()
        .schema_from::<HostMemory>()
        .schema_from::<MachineMemory>()
        .schema_from::<Process>()
        .schema_from::<StateAction>()
        .schema_from::<StateRequest>()
        .schema_from::<ShareRequest>()
        .schema_from::<MemoryTargetRequest>()
        .schema_from::<DebugRequest>()
        .schema_from::<Failure>();
    let info = InfoBuilder::new()
        .title("mirrorball control socket")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Control and observation of running VMs: HTTP over a Unix socket, one request a \
         connection. Sizes are in bytes; counters count from the VM's start.",
        ));
    let mut document = OpenApi::new(info.build(), paths);
    document.components = Some(components.build());
    document.to_yaml().expect("the document is plain data")
}

#[test]
fn the_document_is_what_the_code_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = document();
    let written = fs::read_to_string(root.join("docs/openapi.yaml")).unwrap_or_default();
    if document != written {
        let new = root.join("target/openapi.yaml");
        fs::write(&new, &document).expect("room on the disk");
        panic!("docs/openapi.yaml is out of date: copy {}", new.display());
    }
}

#[test]
fn every_name_that_is_used_is_a_schema() {
    let document = document();
    for line in document.lines() {
        if let Some((_, name)) = line.split_once("'#/components/schemas/") {
            let name = name.trim_end_matches('\'');
            assert!(document.contains(&format!("\n    {name}:\n")), "{name}");
        }
    }
}

#[test]
fn every_field_that_is_sent_is_documented() {
    let document = document();
    let status = serde_json::to_value(super::testing::status()).expect("plain data");
    let mut values = vec![&status];
    while let Some(value) = values.pop() {
        match value {
            serde_json::Value::Array(items) => values.extend(items),
            serde_json::Value::Object(fields) => {
                for (name, value) in fields {
                    // Names of what was counted are the monitor's, not the protocol's.
                    assert!(document.contains(&format!(" {name}:\n")), "{name}");
                    if !["exits", "exceptions", "host_memory", "guest"].contains(&name.as_str()) {
                        values.push(value);
                    }
                }
            }
            _ => {}
        }
    }
}
