// The pixel script on thank-you pages, in a real Chromium: by cookie, by parameter, by a platform's id, and blocked.
//
// usage: node pixel.mjs TRACKER_URL API_KEY CHROMIUM
// Prints the ids of the clicks, and of every page whether the script behind the pixel's ran and what went wrong.

import { caller, site, visitor } from './stage.mjs';

const [tracker, key, executablePath] = process.argv.slice(2);
const api = caller(tracker, key);

// Two hosts of one site, as a shop and its tracking domain are; browsers look them up on this machine.
const { port } = new URL(tracker);
const own = `http://track.shop.localhost:${port}`;
const thanks = (url) => {
  const attributes = `data-payout="2.50" data-txid="${url.searchParams.get('order')}"`;
  return `<h1>Thanks</h1>
    <script src="${url.searchParams.get('tracker')}/pixel.js" ${attributes}></script>
    <script>document.title = 'shown'</script>`;
};
const shop = await site('127.0.0.1', thanks);
const foreign = await site('127.0.0.4', thanks);
const inSite = shop.url.replace('127.0.0.1', 'www.shop.localhost');

const offer = await api('POST', '/offers', { name: 'pixel', url: `${foreign.url}/buy?clickid={click_id}` });
const flow = await api('POST', '/flows', { name: 'pixel', default: [{ offers: [{ offer: offer.id }] }] });
await api('POST', '/campaigns', { name: 'pixel', key: 'pixel', flow: flow.id });

const { browser, context } = await visitor(executablePath);
const seen = {};

/** Opens a page of a shop and waits until its pixel was answered, or nothing is on the way any more. */
async function open(name, base, query, host) {
  const page = await context.newPage();
  const errors = [];
  page.on('pageerror', (error) => errors.push(String(error)));
  const pixels = [];
  page.on('response', (response) => response.url().includes('/pixel.gif') && pixels.push(response.status()));
  await page.goto(`${base}/?order=${name}&tracker=${encodeURIComponent(host)}&${query}`, { waitUntil: 'networkidle' });
  seen[name] = { title: await page.title(), errors, pixels };
  await page.close();
}

try {
  const click = async (host, query) => {
    const page = await context.newPage();
    await page.goto(`${host}/c/pixel?${query}`);
    const id = new URL(page.url()).searchParams.get('clickid');
    await page.close();
    return id;
  };
  const ids = {
    cookie: await click(own, 'placement=cookie'),
    parameter: await click(tracker, 'placement=parameter'),
    platform: await click(tracker, 'placement=platform&gclid=G-77'),
  };
  await open('cookie', inSite, '', own);
  await open('parameter', foreign.url, `clickid=${ids.parameter}`, tracker);
  await open('platform', foreign.url, 'gclid=G-77', tracker);
  // Without https the cookie of another site is not sent along.
  await open('stranger', foreign.url, '', tracker);
  await context.route(`${tracker}/**`, (route) => route.abort());
  await open('blocked', foreign.url, `clickid=${ids.parameter}`, tracker);
  console.log(JSON.stringify({ ids, seen }));
} finally {
  await browser.close();
  for (const one of [shop, foreign]) one.close();
}
