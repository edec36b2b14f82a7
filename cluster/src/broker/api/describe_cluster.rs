//! DescribeCluster: who the brokers are.
//!
//! In Kafka: `KafkaApis.handleDescribeCluster`, `AuthHelper.computeDescribeClusterResponse`; KIP-700, 919, 1073.

use std::sync::Arc;

use super::super::request::{Refused, Request};
use super::super::{Broker, Cx};
use super::authorized;
use super::metadata::random_alive_broker;
use crate::error_code::ErrorCode;
use crate::wire::{
    DescribeClusterRequest, DescribeClusterResponse, describe_cluster_response as wire,
};

/// Who is asked about: brokers.
const BROKERS: i8 = 1;
/// Or controllers, of which a controller tells.
const CONTROLLERS: i8 = 2;

pub(super) fn handle(
    broker: &mut Broker,
    request: &Arc<Request>,
    cx: &mut Cx<'_>,
) -> Result<(), Refused> {
    let message = request.message::<DescribeClusterRequest>()?;
    let refused = match message.endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some((
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER",
        )),
        _ => Some((ErrorCode::UnsupportedEndpointType, "Unsupported endpoint type")),
    };
    let response = match refused {
        Some((error, message)) => DescribeClusterResponse {
            error_code: error.code(),
            error_message: Some(message.to_owned()),
            ..Default::default()
        },
        None => described(broker, request, &message, cx),
    };
    broker.respond::<DescribeClusterRequest>(request, &response, cx);
    Ok(())
}

fn described(
    broker: &Broker,
    request: &Request,
    message: &DescribeClusterRequest,
    cx: &mut Cx<'_>,
) -> DescribeClusterResponse {
    let listener = broker.listener_of(request.conn);
    let brokers = broker.image().cluster().brokers();
    let asked = brokers.filter(|it| message.include_fenced_brokers || !it.fenced);
    let brokers = asked.filter_map(|it| {
        let endpoint = it.endpoint(listener)?;
        Some(wire::Broker {
            broker_id: it.id.0,
            host: endpoint.host.to_string(),
            port: i32::from(endpoint.port),
            rack: it.rack.as_deref().map(str::to_owned),
            is_fenced: it.fenced,
        })
    });
    DescribeClusterResponse {
        endpoint_type: BROKERS,
        cluster_id: broker.identity().cluster_id.to_string(),
        brokers: brokers.collect(),
        cluster_authorized_operations: match message.include_cluster_authorized_operations {
            true => authorized::ON_THE_CLUSTER,
            false => authorized::NOT_ASKED,
        },
        controller_id: random_alive_broker(broker, cx),
        ..Default::default()
    }
}
