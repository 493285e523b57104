//! Commands talk to the API: of the server that holds the folder, or of one started for the command alone.

use crate::config::Config;
use crate::folder::{self, Folder};
use crate::serve;
use crate::start::{self, Running, Start};
use anyhow::{Context, bail};
use edge::WallClock;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use ureq::http::Response;
use ureq::typestate::WithBody;
use ureq::{Body, RequestBuilder};

/// The name by which a command comes, whatever address the server listens on: the API is always on it.
const HOST: &str = "localhost";

/// How long a command waits for the journal of a stopped server to reach the reports.
const CATCH_UP_MAX: Duration = Duration::from_secs(600);

/// A way to the API.
pub struct Client {
    base: String,
    token: String,
    agent: ureq::Agent,
    own: Option<Own>,
}

/// A server started for one command.
struct Own {
    runtime: Runtime,
    running: Running,
    stop: oneshot::Sender<()>,
    serving: tokio::task::JoinHandle<()>,
}

impl Client {
    /// Finds or starts the server of a data folder that was set up before.
    ///
    /// # Errors
    /// When neither is possible, or there is no such folder: who asks in the wrong place must not be
    /// told that nothing ever happened.
    pub fn open(config: Config) -> anyhow::Result<Self> {
        if !folder::is_set_up(&config.data) {
            bail!(
                "there is nothing in {}: run this in the folder of the server, or name its data folder with --data; `clicktrail serve` sets up a new one",
                config.data.display()
            );
        }
        Self::open_or_make(config)
    }

    /// The same, for a command that may be the first of an installation.
    ///
    /// # Errors
    /// When neither is possible.
    pub fn open_or_make(config: Config) -> anyhow::Result<Self> {
        let configured = config.admin_token.clone();
        let data = config.data.clone();
        let (address, own) = match Folder::hold(&data)? {
            Some(folder) => {
                let own = Own::start(config, folder)?;
                (own.1, Some(own.0))
            }
            None => (folder::holder_address(&data)?, None),
        };
        let token = configured.or_else(|| folder::kept_token(&data));
        let token = token.with_context(|| {
            format!("there is no API key in {}: set CLICKTRAIL_ADMIN_TOKEN", data.display())
        })?;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        Ok(Self { base: format!("http://{address}/api/v1"), token, agent, own })
    }

    /// `GET path`, as JSON.
    ///
    /// # Errors
    /// When the server cannot be reached, or refuses: its own words.
    pub fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.fetch(path)?.read_json().context("cannot read the answer")
    }

    /// `POST path` with a JSON body, as JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.base));
        self.send_json(request, body)
    }

    /// `PUT path` with a JSON body, as JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let request = self.agent.put(format!("{}{path}", self.base));
        self.send_json(request, body)
    }

    fn send_json(&self, request: RequestBuilder<WithBody>, body: &Value) -> anyhow::Result<Value> {
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let response = request.header("host", HOST).send_json(body);
        read(response.context("cannot reach the server")?)?
            .read_json()
            .context("cannot read the answer")
    }

    /// `POST path` with a text of some media type, as JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_text(&self, path: &str, media_type: &str, text: &str) -> anyhow::Result<Value> {
        self.post_file(path, media_type, text.as_bytes())
    }

    /// `POST path` with a file of some media type, as JSON.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn post_file(&self, path: &str, media_type: &str, file: &[u8]) -> anyhow::Result<Value> {
        let request = self.agent.post(format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let request = request.header("host", HOST).header("content-type", media_type);
        read(request.send(file).context("cannot reach the server")?)?
            .read_json()
            .context("cannot read the answer")
    }

    /// `GET path`, copied to `out` as it comes.
    ///
    /// # Errors
    /// As [`Client::get`].
    pub fn download(&self, path: &str, out: &mut impl std::io::Write) -> anyhow::Result<()> {
        std::io::copy(&mut self.fetch(path)?.into_reader(), out).context("the export broke off")?;
        Ok(())
    }

    fn fetch(&self, path: &str) -> anyhow::Result<Body> {
        let request = self.agent.get(format!("{}{path}", self.base));
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let response = request.header("host", HOST).call();
        read(response.context("cannot reach the server")?)
    }

    /// Stops the server that was started for the command.
    ///
    /// # Errors
    /// When something cannot be closed.
    pub fn close(self) -> anyhow::Result<()> {
        self.own.map_or(Ok(()), Own::stop)
    }
}

/// The body of a good answer; the problem's own words of a bad one.
fn read(response: Response<Body>) -> anyhow::Result<Body> {
    if response.status().is_success() {
        return Ok(response.into_body());
    }
    let status = response.status();
    let problem: Value = response.into_body().read_json().unwrap_or_default();
    let text = |key: &str| problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (mut detail, remedy) = (text("detail"), text("remedy"));
    let problems = problem.get("problems").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    // Each problem says what to do by itself.
    let remedy = if problems.is_empty() { remedy } else { String::new() };
    if problems.len() > 1 {
        let part = |problem: &Value, key: &str| {
            problem.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let line =
            |problem| format!("\n  {}: {}", part(problem, "field"), part(problem, "message"));
        let lines: String = problems.iter().map(line).collect();
        detail = format!("{} places are wrong:{lines}", problems.len());
    }
    match (detail.is_empty(), remedy.is_empty()) {
        (true, _) => bail!("the server answered {status}"),
        (false, true) => bail!("{detail}"),
        (false, false) => bail!("{detail}; {remedy}"),
    }
}

impl Own {
    fn start(config: Config, folder: Folder) -> anyhow::Result<(Self, SocketAddr)> {
        let runtime = serve::runtime(config.threads)?;
        let start = Start { clock: Arc::new(WallClock), id_floor: None, with_example: false };
        let running = runtime.block_on(start::start(config, folder, start))?;
        runtime.block_on(catch_up(&running))?;
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let app = running.app.clone();
        let serving = runtime.spawn(async move {
            // The sender going away stops the server just as a message does.
            serve::serve(listener, None, &app, async { drop(stopped.await) }).await;
        });
        Ok((Self { runtime, running, stop, serving }, address))
    }

    fn stop(self) -> anyhow::Result<()> {
        drop(self.stop);
        self.runtime.block_on(async {
            self.serving.await?;
            self.running.stop().await
        })
    }
}

/// Waits until what the last server left in the journal is in the store.
async fn catch_up(running: &Running) -> anyhow::Result<()> {
    let app = &running.app;
    let end = app.journal.status().durable.0;
    let deadline = Instant::now() + CATCH_UP_MAX;
    while app.config.ingest && app.ingested.load(Ordering::Acquire) < end {
        if Instant::now() > deadline {
            bail!(
                "the journal did not reach the reports within {} s: see the log",
                CATCH_UP_MAX.as_secs()
            );
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}
