//! A real server of a test's own, and a client that says what it expects.

use serde_json::{Value, json};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The key the tests sign in with.
pub const TOKEN: &str = "a-token-for-the-tests";

/// How long anything may take before a test gives up: generous, because machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The binary under test.
pub fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_clicktrail"))
}

/// A running server and its folder.
pub struct Server {
    child: Option<Child>,
    variables: Vec<(String, String)>,
    pub data: TempDir,
    pub address: String,
}

/// The parts of an answer that tests look at.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: http::HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The value of a parameter of the `Location`.
    pub fn location_param(&self, name: &str) -> String {
        let location = self.header("location");
        let query = location.split_once('?').unwrap_or_else(|| panic!("{self:?}")).1;
        let pairs =
            query.split('#').next().unwrap().split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.filter(|(n, _)| *n == name).map(|(_, value)| value.to_owned()).next();
        value.unwrap_or_else(|| panic!("no `{name}` in {location}"))
    }
}

impl Server {
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server with more variables; geo tables are left out so that a start is quick.
    pub fn start_with(variables: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("CLICKTRAIL_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("CLICKTRAIL_ADMIN_TOKEN".to_owned(), TOKEN.to_owned()),
            ("CLICKTRAIL_TRUSTED_PROXIES".to_owned(), "127.0.0.0/8".to_owned()),
            // A shared machine's disk may be slow; a test that wants unlogged clicks says so.
            ("CLICKTRAIL_MAX_ACK_WAIT_MS".to_owned(), "60000".to_owned()),
            ("CLICKTRAIL_GEO_CITY".to_owned(), String::new()),
            ("CLICKTRAIL_GEO_ASN".to_owned(), String::new()),
        ];
        for (name, value) in variables {
            all.retain(|(n, _)| n != name);
            all.push(((*name).to_owned(), (*value).to_owned()));
        }
        let data = TempDir::new().unwrap();
        let mut server = Self { child: None, variables: all, data, address: String::new() };
        server.launch();
        server
    }

    /// The binary with the server's settings.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        // Variables of whoever runs the tests are not settings of the server.
        std::env::vars().filter(|(name, _)| name.starts_with("CLICKTRAIL_")).for_each(
            |(name, _)| {
                command.env_remove(name);
            },
        );
        command
            .args(arguments)
            .env("CLICKTRAIL_DATA", self.data.path())
            .current_dir(self.data.path());
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// What a command prints; it must succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts the process and waits until it answers.
    pub fn launch(&mut self) {
        let announced = self.data.path().join("server.json");
        let _ = std::fs::remove_file(&announced);
        let child = self
            .command(&["serve"])
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        self.child = Some(child);
        let text = wait_for("the server's address", || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().unwrap());
            assert!(ended.is_none(), "the server ended with {ended:?}");
            std::fs::read_to_string(&announced).ok()
        });
        let holder: Value = serde_json::from_str(&text).unwrap();
        self.address = holder["address"].as_str().unwrap().to_owned();
        wait_for("an answer", || {
            let answer = ureq::get(format!("http://{}/healthz", self.address)).call();
            answer.is_ok_and(|a| a.status() == 200).then_some(())
        });
    }

    /// Changes a variable for the next launch.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(n, _)| n != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The process that serves.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// SIGKILL: nothing gets a chance to tidy up.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let killed = Command::new("kill").arg(child.id().to_string()).status().unwrap();
        assert!(killed.success());
        let status = child.wait().unwrap();
        assert!(status.success(), "the server stopped with {status}");
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Answer {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(PATIENCE))
            .build()
            .new_agent();
        let mut request =
            http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = agent.run(request.body(body.to_owned()).unwrap());
        let response = response.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let (parts, mut body) = response.into_parts();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.read_to_string().unwrap(),
        }
    }

    /// A visitor of flesh and blood.
    pub fn visit(&self, path: &str) -> Answer {
        const CHROME: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";
        self.request(
            "GET",
            path,
            &[("user-agent", CHROME), ("accept-language", "en-US,en;q=0.9")],
            "",
        )
    }

    pub fn get(&self, path: &str) -> Answer {
        self.request(
            "GET",
            &format!("/api/v1{path}"),
            &[("authorization", &format!("Bearer {TOKEN}"))],
            "",
        )
    }

    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let key = format!("Bearer {TOKEN}");
        let headers = [("authorization", key.as_str()), ("content-type", "application/json")];
        self.request("POST", &format!("/api/v1{path}"), &headers, &body.to_string())
    }

    /// Creates a thing and returns its number.
    pub fn create(&self, path: &str, body: Value) -> u64 {
        let answer = self.post(path, &body);
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
        answer.json()["id"].as_u64().unwrap()
    }

    /// A campaign that leads straight to an offer at `url`; its key is `name`.
    pub fn campaign(&self, name: &str, url: &str) -> u64 {
        let offer = self.create("/offers", json!({ "name": name, "url": url }));
        let flow = self.create(
            "/flows",
            json!({ "name": name, "default": [{ "offers": [{ "offer": offer }] }] }),
        );
        self.create("/campaigns", json!({ "name": name, "key": name, "flow": flow }))
    }

    /// Waits until the reports hold everything the journal holds, then asks for totals of all time.
    pub fn totals(&self, metrics: &[&str]) -> Value {
        self.settle();
        let answer = self.post("/reports", &json!({ "period": "all", "metrics": metrics }));
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()["totals"].clone()
    }

    /// Waits until the journal is carried over.
    pub fn settle(&self) {
        wait_for("ingest", || {
            let system = self.get("/system").json();
            (system["journal"]["sequence"] == system["ingest"]["sequence"]).then_some(())
        });
    }

    /// What became of a stored call: its entry in the inbox once ingest has seen it. An answer to `wait=1` may come
    /// without the verdict when the machine is busy.
    pub fn entry(&self, answer: &Value) -> Value {
        self.settle();
        self.get(&format!("/inbox/{}", answer["inbox"].as_str().unwrap())).json()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Asks again and again until there is something, or patience ends.
pub fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited too long for {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}
