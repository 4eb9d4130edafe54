//! Names of the contract's types in the OpenAPI document, which takes their schemas from the contract itself.

use utoipa::ToSchema;

/// [`trunkside_record::CallSummary`].
#[derive(ToSchema)]
pub(super) struct CallSummary;

/// [`trunkside_record::Turn`].
#[derive(ToSchema)]
pub(super) struct Turn;

/// [`trunkside_record::Alarm`].
#[derive(ToSchema)]
pub(super) struct Alarm;

/// [`trunkside_record::DeviceHealth`].
#[derive(ToSchema)]
pub(super) struct DeviceHealth;
