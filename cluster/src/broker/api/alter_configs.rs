//! IncrementalAlterConfigs and AlterConfigs, as far as a broker has its say before the controller has.
//!
//! In Kafka:   `ConfigAdminManager`, `RuntimeLoggerManager`; KIP-133, KIP-226, KIP-339, KIP-412.
//! Inputs:     resources with what is to become of their settings. Effects: those that nothing is wrong with are passed
//!             on; the answer has both, in the order of the request.
//! Invariants: AL-1 a broker judges its own settings and those of all, and nobody else's.
//! Left out:   loggers: there are none. Authorization.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::forwarded::{self, Forwarded};
use crate::config::altered::{AlterOp, alter};
use crate::config::dynamic::Level;
use crate::config::schema::Section;
use crate::error_code::ErrorCode;
use crate::image::ConfigResource;
use crate::image::resource_type::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::net::frames;
use crate::wire::header::put_request;
use crate::wire::{
    AlterConfigsRequest, AlterConfigsResponse, ApiKey, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, Message, Reader, alter_configs_request,
    alter_configs_response, incremental_alter_configs_request, incremental_alter_configs_response,
};

/// An error, and its message.
type Refusal = (ErrorCode, String);

/// What is to become of a resource.
pub(super) struct Asked<'a> {
    kind: i8,
    name: &'a str,
    /// The setting, Kafka's number of what is done with it, and with which value.
    changes: Vec<(&'a str, i8, Option<&'a str>)>,
    /// Whether what is not named is taken back.
    replaces: bool,
}

/// A request that alters settings.
pub(super) trait Alters: crate::wire::Request {
    /// What it asks for.
    fn asked(&self) -> Vec<Asked<'_>>;
    /// Leaves out what is not kept, by the place.
    fn keep(&mut self, kept: &[bool]);
    /// Its response.
    fn response(answers: Vec<Answer>) -> Self::Response;
    /// What a response says.
    fn answers(response: Self::Response) -> Vec<Answer>;
}

pub(super) fn handle<R: Alters>(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let mut message = request.message::<R>()?;
    let judged = broker.judge(&message.asked());
    let kept: Vec<bool> = judged.iter().map(Option::is_none).collect();
    message.keep(&kept);
    let answers: Vec<_> =
        (0..).zip(judged).filter_map(|(place, answer)| Some((place, answer?))).collect();
    if !kept.contains(&true) {
        let response = R::response(answers.into_iter().map(|(_, answer)| answer).collect());
        broker.respond::<R>(request, &response, cx);
        return Ok(());
    }
    let frame = framed(request, &message);
    let asked = forwarded::Asked { request: Arc::clone(request), answers };
    broker.forward(Forwarded::Asked(asked), frame, cx);
    Ok(())
}

/// The request again, with what is left of it.
fn framed<R: Alters>(request: &Request, message: &R) -> Bytes {
    let mut frame = BytesMut::new();
    let header = &request.header;
    let client_id = header.client_id.as_deref();
    put_request(&mut frame, header.request_api_version, header.correlation_id, client_id, message);
    frame.freeze()
}

/// What a resource is answered.
#[derive(Debug, Clone)]
pub struct Answer {
    kind: i8,
    name: String,
    error: i16,
    message: Option<String>,
}

/// The controller's answer, with what this broker has answered itself between; none if it cannot be read.
pub(super) fn reassemble(forwarded: &forwarded::Asked, response: &Bytes) -> Option<Bytes> {
    match forwarded.request.api {
        ApiKey::AlterConfigs => reassembled::<AlterConfigsRequest>(forwarded, response),
        _ => reassembled::<IncrementalAlterConfigsRequest>(forwarded, response),
    }
}

fn reassembled<R: Alters>(forwarded: &forwarded::Asked, response: &Bytes) -> Option<Bytes> {
    let request = &forwarded.request;
    let version = request.header.request_api_version;
    let (_, body) = frames::split_response(response, request.api, version)?;
    let response = R::Response::decode(version, &mut Reader::new(&body)).ok()?;
    let mut all = R::answers(response);
    for (place, answer) in &forwarded.answers {
        all.insert((*place).min(all.len()), answer.clone());
    }
    Some(request.response::<R>(&R::response(all)))
}

/// Both requests are alike but for what is done with a setting.
macro_rules! alters {
    ($request:ident, $response:ident, $module:ident, $operation:expr, $replaces:literal) => {
        impl Alters for $request {
            fn asked(&self) -> Vec<Asked<'_>> {
                let asked = self.resources.iter().map(|it| Asked {
                    kind: it.resource_type,
                    name: &it.resource_name,
                    changes: it
                        .configs
                        .iter()
                        .map(|it| (it.name.as_str(), $operation(it), it.value.as_deref()))
                        .collect(),
                    replaces: $replaces,
                });
                asked.collect()
            }

            fn keep(&mut self, kept: &[bool]) {
                let mut kept = kept.iter();
                self.resources.retain(|_| *kept.next().expect("one for each resource"));
            }

            fn response(answers: Vec<Answer>) -> $response {
                let responses = answers.into_iter().map(|it| $module::Response {
                    error_code: it.error,
                    error_message: it.message,
                    resource_type: it.kind,
                    resource_name: it.name,
                });
                $response { responses: responses.collect(), ..Default::default() }
            }

            fn answers(response: $response) -> Vec<Answer> {
                let answers = response.responses.into_iter().map(|it| Answer {
                    kind: it.resource_type,
                    name: it.resource_name,
                    error: it.error_code,
                    message: it.error_message,
                });
                answers.collect()
            }
        }
    };
}

alters!(
    IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse,
    incremental_alter_configs_response,
    |it: &incremental_alter_configs_request::Config| it.config_operation,
    false
);
alters!(
    AlterConfigsRequest,
    AlterConfigsResponse,
    alter_configs_response,
    |_: &alter_configs_request::Config| AlterOp::Set.id(),
    true
);

impl Broker {
    /// What each resource is answered at once; none: the controller decides.
    fn judge(&self, asked: &[Asked<'_>]) -> Vec<Option<Answer>> {
        let judged = asked.iter().map(|one| {
            let same = |it: &&Asked<'_>| (it.kind, it.name) == (one.kind, one.name);
            let done = match asked.iter().filter(same).count() {
                1 => self.judge_one(one),
                _ => Err(invalid("Each resource must appear at most once.")),
            };
            let (error, message) = done.err()?;
            let (kind, name) = (one.kind, one.name.to_owned());
            Some(Answer { kind, name, error: error.code(), message: Some(message) })
        });
        judged.collect()
    }

    fn judge_one(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let mut names = BTreeSet::new();
        if !asked.changes.iter().all(|(name, ..)| names.insert(*name)) {
            return Err(invalid("Error due to duplicate config keys"));
        }
        let nulls = asked
            .changes
            .iter()
            .filter(|(_, operation, value)| *operation != AlterOp::Delete.id() && value.is_none());
        let nulls: Vec<_> = nulls.map(|(name, ..)| *name).collect();
        if !nulls.is_empty() {
            return Err(invalid(format!("Null value not supported for : {}", nulls.join(", "))));
        }
        match asked.kind {
            TOPIC | CLIENT_METRICS | GROUP => Ok(()),
            BROKER => {
                if !asked.name.is_empty() {
                    self.check_own_id(asked.name)?;
                }
                self.judge_settings(asked)
            }
            BROKER_LOGGER if !asked.replaces => self.judge_loggers(asked),
            other => Err(invalid(format!("Unknown resource type {other}"))),
        }
    }

    /// AL-1.
    fn check_own_id(&self, name: &str) -> Result<(), Refusal> {
        let own = self.identity().id.0;
        match name.parse::<i32>() {
            Ok(id) if id == own => Ok(()),
            Ok(_) => {
                Err(invalid(format!("Unexpected broker id, expected {own}, but received {name}")))
            }
            Err(_) => Err(invalid(format!("Node id must be an integer, but it is: {name}"))),
        }
    }

    /// Whether this broker could live by what would be set then.
    fn judge_settings(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let id = self.identity().id;
        let (level, resource) = match asked.name {
            "" => (Level::Cluster, ConfigResource::Cluster),
            _ => (Level::Broker, ConfigResource::Broker(id)),
        };
        let configs = self.image().configs();
        let set = configs.resource(&resource).filter(|_| !asked.replaces);
        let set = set.into_iter().flatten();
        let mut all: BTreeMap<String, String> =
            set.map(|(name, value)| (name.to_string(), value.to_string())).collect();
        for &(name, operation, value) in &asked.changes {
            let Some(operation) = AlterOp::of(operation) else {
                return Err(invalid(format!("Unknown operations type {operation}")));
            };
            let known = all.get(name).map(String::as_str);
            let altered = alter(Section::Broker, name, operation, known, value);
            match altered.map_err(|why| (ErrorCode::InvalidConfig, why))? {
                Some(value) => all.insert(name.to_owned(), value),
                None => all.remove(name),
            };
        }
        let checked = self.file_config.check_dynamic(&self.config, (configs, id), level, &all);
        checked.map_err(invalid)
    }

    /// There are none: whatever is asked for is refused.
    fn judge_loggers(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let own = self.identity().id.0;
        match asked.name.parse::<i32>() {
            Ok(id) if id == own => {}
            Ok(id) => {
                let message = format!("Unexpected node id. Expected {own}, but received {id}");
                return Err(invalid(message));
            }
            Err(_) => {
                let name = asked.name;
                return Err(invalid(format!("Node id must be an integer, but it is: {name}")));
            }
        }
        // The first one decides: whatever is asked of it, there is no such logger.
        let Some((name, operation, _)) = asked.changes.first() else { return Ok(()) };
        Err(match AlterOp::of(*operation) {
            Some(AlterOp::Set | AlterOp::Delete) => {
                (ErrorCode::InvalidConfig, format!("Logger {name} does not exist!"))
            }
            Some(AlterOp::Append | AlterOp::Subtract) | None => invalid(format!(
                "Operation {operation} is not allowed for the BROKER_LOGGER resource"
            )),
        })
    }
}

fn invalid(message: impl Into<String>) -> Refusal {
    (ErrorCode::InvalidRequest, message.into())
}
