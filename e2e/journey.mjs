// The journey of a visitor in a real Chromium: ad page → campaign link → lander on another host → offer.
//
// usage: node journey.mjs TRACKER_URL API_KEY CHROMIUM
// Sets up its own pages and campaign, walks the way, reports the conversion, prints what it saw as JSON.

import { caller, site, visitor } from './stage.mjs';

const [tracker, key, executablePath] = process.argv.slice(2);
const api = caller(tracker, key);

const ad = await site('127.0.0.2', () => `<h1>Ad</h1><a id="ad" href="${tracker}/c/journey?placement=top&cost=0.25&fbclid=FB-1">Look</a>`);
const lander = await site('127.0.0.3', (url) =>
  `<h1>Lander</h1><a id="offer" href="${tracker}/click?clickid=${encodeURIComponent(url.searchParams.get('clickid'))}">Buy</a>`);
const offer = await site('127.0.0.4', () => '<h1>Offer</h1>');

const network = await api('POST', '/networks', { name: 'journey', offer_url_param: 'subid' });
const offerThing = await api('POST', '/offers', { name: 'journey', network: network.id, url: `${offer.url}/buy` });
const landerThing = await api('POST', '/landers', { name: 'journey', url: `${lander.url}/story` });
const flow = await api('POST', '/flows', {
  name: 'journey',
  default: [{ landers: [{ lander: landerThing.id }], offers: [{ offer: offerThing.id }] }],
});
await api('POST', '/campaigns', { name: 'journey', key: 'journey', flow: flow.id });

const { browser, context } = await visitor(executablePath);
try {
  const page = await context.newPage();
  await page.goto(ad.url);
  await page.click('#ad');
  await page.waitForSelector('#offer');
  const landerUrl = page.url();
  await page.click('#offer');
  await page.waitForURL(`${offer.url}/**`);
  const offerUrl = page.url();
  const cookies = (await context.cookies(tracker)).map(({ name, httpOnly, sameSite, path }) => ({ name, httpOnly, sameSite, path }));

  const id = new URL(offerUrl).searchParams.get('subid');
  const postback = await (await fetch(`${tracker}/postback?clickid=${id}&payout=3.333333&txid=J-1&wait=1`)).json();
  const seen = { id, landerUrl, offerUrl, cookies, postback, landerRequests: lander.requests, offerRequests: offer.requests };
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
  for (const one of [ad, lander, offer]) one.close();
}
