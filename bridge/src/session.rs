//! In: what a runtime asks for one run. Out: its calls, made by `walk.rs`; the run, kept or forgotten.
//! May touch: what those rooms may.
//! Security boundary: yes; the tenant is the session's own, no message names one.

use crate::door::Connection;
use crate::messages::{read_call, write_held, write_outcome, write_refusal};
use crate::own::{Invalid, Own};
use crate::parked::{self, Hold};
use crate::refusal::Refusal;
use crate::tenants::Tenant;
use crate::tool_call;
use crate::walk::Run;
use bytes::Bytes;
use capnp::capability::Rc;
use mayfly_schemas::bridge_capnp::{parked_run, session};
use mayfly_schemas::limits::BODY_PART_BYTES_MAX;
use std::future::Future;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

pub use crate::walk::Origin;

/// What the runtime holds. When it lets go, or its connection ends, calls that are still under way end.
pub struct Session {
    run: std::rc::Rc<Run>,
    connection: std::rc::Rc<Connection>,
    seat: u64,
    /// Of a run that was taken up; in one hand at a time.
    hold: tokio::sync::Mutex<Option<Hold>>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.run.released.cancel();
        self.connection.leave(self.seat);
    }
}

impl Session {
    pub fn new(connection: std::rc::Rc<Connection>, seat: u64, tenant: Arc<Tenant>, origin: Origin) -> Session {
        let run = Run::new(connection.lane.clone(), tenant, origin, connection.ended.child_token());
        Session { run: std::rc::Rc::new(run), connection, seat, hold: tokio::sync::Mutex::default() }
    }

    /// Of a run that was taken up.
    pub fn holding(mut self, hold: Hold, own: Own) -> Session {
        *self.hold.get_mut() = Some(hold);
        self.run.owns(own);
        self
    }
}

impl session::Server for Session {
    // Not an `async fn`: the ask is read now and not when the future is first polled, because the next message may be a
    // part of its body.
    fn fetch(
        self: Rc<Self>,
        params: session::FetchParams,
        results: session::FetchResults,
    ) -> impl Future<Output = Result<(), capnp::Error>> + 'static {
        // Not held while the call is under way: the session ends when the runtime lets go, not when its last call does.
        let run = self.run.clone();
        drop(self);
        let read = params.get().and_then(|params| run.read(params.get_ask()?));
        drop(params);
        async move {
            let (number, fetch) = read?;
            run.perform(number, fetch, results).await
        }
    }

    async fn call(
        self: Rc<Self>,
        params: session::CallParams,
        mut results: session::CallResults,
    ) -> Result<(), capnp::Error> {
        let run = self.run.clone();
        drop(self);
        let (number, asked) = {
            let ask = params.get()?.get_ask()?;
            (ask.get_call(), read_call(ask)?)
        };
        drop(params);
        let call = run.call(number);
        let work = async move {
            let mut call = call;
            (run.tool(number, asked, &mut call).await, call)
        };
        let done = AbortOnDropHandle::new(tokio::task::spawn_local(work)).await;
        let (outcome, mut call) = done.map_err(|_| capnp::Error::failed("the bridge failed in this call".into()))?;
        match outcome {
            Ok(tool_call::Outcome::Held(held)) => write_held(results.get().init_reply(), &held, &mut call),
            Ok(outcome) => write_outcome(results.get().init_reply(), &outcome, &call),
            Err(failure) => write_refusal(results.get().init_reply(), &failure, &mut call),
        }
        call.end().await;
        Ok(())
    }

    async fn narrow(
        self: Rc<Self>,
        params: session::NarrowParams,
        mut results: session::NarrowResults,
    ) -> Result<(), capnp::Error> {
        let run = self.run.clone();
        drop(self);
        let read = run.narrow(params.get()?.get_ask()?).await?;
        let mut answer = results.get().init_answer();
        match read {
            Ok(sets) => answer.set_tool_sets(&sets[..])?,
            Err(Invalid { field, why }) => {
                let mut invalid = answer.init_invalid();
                invalid.set_field(&field);
                invalid.set_why(&why);
            }
        }
        Ok(())
    }

    // Not an `async fn`: it is recorded now, because the other side may be gone before anything would be polled.
    fn told(
        self: Rc<Self>,
        params: session::ToldParams,
        _: session::ToldResults,
    ) -> impl Future<Output = Result<(), capnp::Error>> + 'static {
        let done = params.get().and_then(|told| self.run.tell(told));
        std::future::ready(done)
    }

    async fn upload(
        self: Rc<Self>,
        params: session::UploadParams,
        mut results: session::UploadResults,
    ) -> Result<(), capnp::Error> {
        let uploads = self.run.uploads.clone();
        drop(self);
        let part = params.get()?;
        let bytes = part.get_bytes()?;
        // One more than allowed is enough to refuse it.
        let bytes = Bytes::copy_from_slice(bytes.get(..=BODY_PART_BYTES_MAX).unwrap_or(bytes));
        let (call, end) = (part.get_call(), part.get_end());
        drop(params);
        results.get().set_taken(uploads.put(call, bytes, end).await);
        Ok(())
    }

    async fn park(
        self: Rc<Self>,
        params: session::ParkParams,
        mut results: session::ParkResults,
    ) -> Result<(), capnp::Error> {
        let kept = self.parks(params.get()?.get_run()?).await?;
        parked::write_outcome(results.get().init_outcome(), kept)
    }

    async fn begin(
        self: Rc<Self>,
        params: session::BeginParams,
        mut results: session::BeginResults,
    ) -> Result<(), capnp::Error> {
        let mut held = self.hold.lock().await;
        let (origin, own) = (&self.run.origin, self.run.own());
        let about = (origin.run.as_str(), origin.request_id.as_str());
        let (shared, run) = (&self.run.lane.shared, params.get()?.get_run()?);
        let begun = parked::begin(shared, &self.run.tenant, about, &own, run).await?;
        parked::write_outcome(results.get().init_outcome(), begun.map(|hold| *held = Some(hold)))
    }

    async fn log(
        self: Rc<Self>,
        params: session::LogParams,
        mut results: session::LogResults,
    ) -> Result<(), capnp::Error> {
        let held = self.hold.lock().await;
        let (params, tenant) = (params.get()?, &self.run.tenant.name);
        let logged = match &*held {
            Some(hold) => {
                parked::log(&self.run.lane.shared, tenant, hold, params.get_number(), params.get_entry()?).await
            }
            None => Err(Refusal::not_held()),
        };
        parked::write_outcome(results.get().init_outcome(), logged)
    }

    async fn finish(
        self: Rc<Self>,
        params: session::FinishParams,
        mut results: session::FinishResults,
    ) -> Result<(), capnp::Error> {
        let mut held = self.hold.lock().await;
        let about = (self.run.tenant.name.as_str(), self.run.origin.request_id.as_str());
        let finished = parked::finish(&self.run.lane.shared, about, &mut held, params.get()?).await?;
        parked::write_outcome(results.get().init_outcome(), finished)
    }

    async fn ended(
        self: Rc<Self>,
        _: session::EndedParams,
        mut results: session::EndedResults,
    ) -> Result<(), capnp::Error> {
        let ended = parked::end(&self.run.lane.shared, &mut *self.hold.lock().await).await;
        parked::write_outcome(results.get().init_outcome(), ended)
    }
}

impl Session {
    async fn parks(&self, asked: parked_run::Reader<'_>) -> Result<Result<(), Refusal>, capnp::Error> {
        let mut held = self.hold.lock().await;
        let about = (self.run.origin.run.as_str(), self.run.origin.request_id.as_str());
        let (shared, tenant, own) = (&self.run.lane.shared, &self.run.tenant, self.run.own());
        let (kept, left) = parked::park(shared, tenant, about, held.take(), &own, asked).await?;
        *held = left;
        Ok(kept)
    }
}
