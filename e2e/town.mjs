// A town for direct tracking: sites on registrable names over HTTPS, the tracker behind each of them the three ways
// operators put it there, and a browser that finds them all.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** Where the tracker stands, seen from a page of shop.test. */
export const VARIANTS = {
  path: 'https://shop.test/go/',
  subdomain: 'https://t.shop.test/',
  foreign: 'https://tracker.example/',
};

/** The page script under a name of the operator's own, which his reverse proxy knows. */
export const RENAMED = '/go/page.js';

/** Hands a request on to the tracker as a reverse proxy does. */
function pass({ tracker, losses }, path, request, response) {
  const { hostname, port } = new URL(tracker);
  const headers = {
    ...request.headers,
    'x-forwarded-for': request.socket.remoteAddress,
    'x-forwarded-proto': 'https',
    'x-forwarded-host': request.headers.host,
  };
  const loss = losses[path]?.shift();
  if (loss === 'request') return response.destroy();
  const onward = http.request({ hostname, port, path, method: request.method, headers }, (answer) => {
    if (loss === 'answer') return response.destroy();
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

/**
 * The sites. `pages` maps `host/path` to `(url) => html` or `(url) => ({ html, headers })`, or a promise of it; what is not
 * there is an empty page. `seen` has every request; `losses` says by path what gets lost on the way to the tracker, one
 * `request` or `answer` after the other.
 */
export async function town({ tracker, cert, key, pages }) {
  const seen = [], losses = {}, way = { tracker, losses };
  const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, async (request, response) => {
    const url = new URL(request.url, `https://${request.headers.host}`);
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
    seen.push({ method: request.method, host: url.host, path: url.pathname, url: url.href, purpose: request.headers['sec-purpose'] });
    if (url.host === 't.shop.test' || url.host === 'tracker.example') return pass(way, request.url, request, response);
    if (url.pathname === RENAMED) return pass(way, '/t.js', request, response);
    if (url.host === 'shop.test' && url.pathname.startsWith('/go/')) return pass(way, request.url.slice(3), request, response);
    const made = await (pages[url.host + url.pathname] ?? (() => '<p>nothing here</p>'))(url);
    const { html, headers = {} } = typeof made === 'string' ? { html: made } : made;
    response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(`<!doctype html><meta charset=utf-8>${html}`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const count = (path) => seen.filter((one) => one.method === 'POST' && one.path.includes(path)).length;
  const close = () => { server.close(); server.closeAllConnections(); };
  return { port: server.address().port, seen, losses, count, close };
}

// Headless Chromium says so and counts as a program; the visitors of these journeys are people.
const USER_AGENT = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

/** With these a browser knows the way to the town and trusts its certificate, by the hash of its key. */
const flags = (port, keyHash) => [
  `--user-agent=${USER_AGENT}`,
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
  `--host-resolver-rules=MAP *.test 127.0.0.1:${port}, MAP tracker.example 127.0.0.1:${port}, MAP * ~NOTFOUND`,
  `--ignore-certificate-errors-spki-list=${keyHash}`,
];

/** A browser, and how a visitor comes with it. */
export async function browserOf(executablePath, port, keyHash) {
  // What keeps a page for the way back is switched off by whoever drives browsers; here it is what is tested.
  const ignoreDefaultArgs = ['--disable-back-forward-cache'];
  const browser = await chromium.launch({ executablePath, ignoreDefaultArgs, args: flags(port, keyHash) });
  return { browser, visitor: () => browser.newContext({ userAgent: USER_AGENT }) };
}

/** A page in a browser that nobody drives: where somebody does, Chromium loads no page ahead. */
export async function undriven(executablePath, port, keyHash, url) {
  const folder = mkdtempSync(join(tmpdir(), 'undriven-'));
  const args = ['--headless', '--remote-debugging-pipe', `--user-data-dir=${folder}`, ...flags(port, keyHash)];
  const browser = spawn(executablePath, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  // Chrome DevTools Protocol: it opens the page, and does not attach to it.
  browser.stdio[3].write(`${JSON.stringify({ id: 1, method: 'Target.createTarget', params: { url } })}\0`);
  return async () => {
    const ended = new Promise((resolve) => browser.once('exit', resolve));
    browser.stdio[3].write(`${JSON.stringify({ id: 2, method: 'Browser.close' })}\0`);
    await ended;
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  };
}

/** Waits until `look` finds something. */
export async function until(what, look) {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const found = await look();
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`waited in vain for ${what}`);
}
