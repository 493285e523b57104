// What journeys share: pages of ours on loopback addresses, the tracker's API, a browser with a person in front of it.

import http from 'node:http';
import { chromium } from 'playwright-core';

/** A page of ours on a loopback address of its own; `requests` keeps the URL and referrer of everything asked for. */
export async function site(host, page) {
  const requests = [];
  const server = http.createServer((request, response) => {
    if (request.url === '/favicon.ico') return response.writeHead(204).end();
    requests.push({ url: request.url, referrer: request.headers.referer ?? null });
    response.writeHead(200, { 'content-type': 'text/html' }).end(page(new URL(request.url, 'http://site')));
  });
  await new Promise((resolve) => server.listen(0, host, resolve));
  return { url: `http://${host}:${server.address().port}`, requests, close: () => server.close() };
}

/** Calls the tracker's API. */
export function caller(tracker, key) {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${tracker}/api/v1${path}`, { method, headers, body: JSON.stringify(body) });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${JSON.stringify(answer)}`);
    return answer;
  };
}

/** A browser, and a context of it for one visitor. */
export async function visitor(executablePath) {
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  });
  // Headless Chromium says so and counts as a program; the visitor of these journeys is a person.
  const userAgent = `Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/${browser.version().split('.')[0]}.0.0.0 Safari/537.36`;
  return { browser, context: await browser.newContext({ userAgent }) };
}
