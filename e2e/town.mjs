// A town for direct tracking: sites on registrable names over HTTPS, the tracker behind each of them the three ways
// operators put it there, and a browser that finds them all.

import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { chromium } from 'playwright-core';

/** Where the tracker stands, seen from a page of shop.test. */
export const VARIANTS = {
  path: 'https://shop.test/go/',
  subdomain: 'https://t.shop.test/',
  foreign: 'https://tracker.example/',
};

/** Hands a request on to the tracker as a reverse proxy does. */
function pass(tracker, path, request, response) {
  const { hostname, port } = new URL(tracker);
  const headers = {
    ...request.headers,
    'x-forwarded-for': request.socket.remoteAddress,
    'x-forwarded-proto': 'https',
    'x-forwarded-host': request.headers.host,
  };
  const onward = http.request({ hostname, port, path, method: request.method, headers }, (answer) => {
    response.writeHead(answer.statusCode, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  request.pipe(onward);
}

/**
 * The sites. `pages` maps `host/path` to `(url) => html` or `(url) => ({ html, headers })`; what is not there is an empty
 * page. `seen` has every request.
 */
export async function town({ tracker, cert, key, pages }) {
  const seen = [];
  const server = https.createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
    const url = new URL(request.url, `https://${request.headers.host}`);
    if (url.pathname === '/favicon.ico') return response.writeHead(204).end();
    seen.push({ method: request.method, host: url.host, path: url.pathname, url: url.href, purpose: request.headers['sec-purpose'] });
    if (url.host === 't.shop.test' || url.host === 'tracker.example') return pass(tracker, request.url, request, response);
    if (url.host === 'shop.test' && url.pathname.startsWith('/go/')) return pass(tracker, request.url.slice(3), request, response);
    const made = (pages[url.host + url.pathname] ?? (() => '<p>nothing here</p>'))(url);
    const { html, headers = {} } = typeof made === 'string' ? { html: made } : made;
    response.writeHead(200, { 'content-type': 'text/html', ...headers }).end(`<!doctype html><meta charset=utf-8>${html}`);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const count = (path) => seen.filter((one) => one.method === 'POST' && one.path.includes(path)).length;
  const close = () => { server.close(); server.closeAllConnections(); };
  return { port: server.address().port, seen, count, close };
}

/** A browser that knows the way to the town and trusts its certificate, by the hash of its key. */
export async function browserOf(executablePath, port, keyHash) {
  const browser = await chromium.launch({
    executablePath,
    // What keeps a page for the way back is switched off by whoever drives browsers; here it is what is tested.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync',
      `--host-resolver-rules=MAP * 127.0.0.1:${port}`,
      `--ignore-certificate-errors-spki-list=${keyHash}`,
    ],
  });
  // Headless Chromium says so and counts as a program; the visitors of these journeys are people.
  const userAgent = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version().split('.')[0]}.0.0.0 Safari/537.36`;
  return { browser, visitor: () => browser.newContext({ userAgent }) };
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
