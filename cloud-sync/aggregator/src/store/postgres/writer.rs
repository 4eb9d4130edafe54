//! The connection that commits. It keeps its statements prepared, because planning them anew for
//! every commit costs the database more than running them.

use std::collections::HashMap;

use ::postgres::types::ToSql;
use ::postgres::{Client, Config, Error, Row, Statement, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::super::StoreError;
use super::{BEGINNING, once};

type Statements = HashMap<&'static str, Statement>;

/// A connection that may write for every tenant.
pub(super) struct Writer {
    client: Client,
    statements: Statements,
}

impl Writer {
    pub(super) fn connect(config: &Config, tls: MakeRustlsConnect) -> Result<Self, StoreError> {
        let mut client = once(config, tls)?;
        client.batch_execute(BEGINNING)?;
        // A plan for the arrays at hand is no better than one for any.
        client.batch_execute(
            "SET plan_cache_mode = force_generic_plan;
             SELECT set_config('trunkside.tenant', '*', false),
                    set_config('trunkside.branch', '*', false)",
        )?;
        Ok(Self {
            client,
            statements: Statements::new(),
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    pub(super) fn begin(&mut self) -> Result<Writing<'_>, StoreError> {
        Ok(Writing {
            transaction: self.client.transaction()?,
            statements: &mut self.statements,
        })
    }
}

/// One transaction of the writer.
pub(super) struct Writing<'a> {
    transaction: Transaction<'a>,
    statements: &'a mut Statements,
}

impl Writing<'_> {
    pub(super) fn query(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, Error> {
        let statement = self.prepared(sql)?;
        self.transaction.query(&statement, values)
    }

    pub(super) fn execute(
        &mut self,
        sql: &'static str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<u64, Error> {
        let statement = self.prepared(sql)?;
        self.transaction.execute(&statement, values)
    }

    pub(super) fn commit(self) -> Result<(), Error> {
        self.transaction.commit()
    }

    /// Prepared statements outlive the transaction, even one that fails.
    fn prepared(&mut self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.transaction.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }
}
