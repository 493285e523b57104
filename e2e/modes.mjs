// Every redirect mode in a real Chromium: which way it takes, and which referrer the offer's page sees.
//
// usage: node modes.mjs TRACKER_URL API_KEY CHROMIUM
// Prints, by mode, the URL the visitor ended at and the referrer that came with it, as JSON.

import { caller, site, visitor } from './stage.mjs';

const [tracker, key, executablePath] = process.argv.slice(2);
const api = caller(tracker, key);

const MODES = ['302', '307', 'no_referrer', 'meta', 'double_meta', 'js', 'transparent'];

const offer = await site('127.0.0.4', () => '<h1>Offer</h1>');
const ad = await site('127.0.0.2', (url) => {
  const shown = encodeURIComponent(`${offer.url}/shown`);
  const query = `sub1=${encodeURIComponent(`"<b>'&amp;`)}&url=${shown}`;
  return `<h1>Ad</h1><a id="ad" href="${tracker}/c/${url.searchParams.get('key')}?${query}">Look</a>`;
});

const offerThing = await api('POST', '/offers', { name: 'modes', url: `${offer.url}/buy?x={sub1}&id={click_id}` });
for (const mode of MODES) {
  const flow = await api('POST', '/flows', { name: mode, default: [{ mode, offers: [{ offer: offerThing.id }] }] });
  const hosts = mode === 'transparent' ? ['127.0.0.4'] : [];
  await api('POST', '/campaigns', { name: mode, key: `mode-${mode}`, flow: flow.id, allowed_hosts: hosts });
}

const { browser, context } = await visitor(executablePath);
const seen = {};
try {
  for (const mode of MODES) {
    const page = await context.newPage();
    await page.goto(`${ad.url}/?key=mode-${mode}`);
    await page.click('#ad');
    await page.waitForURL(`${offer.url}/**`);
    const { referrer } = offer.requests.at(-1);
    // A page that leads on must not be where "back" leads to: it would lead on again.
    await page.goBack();
    seen[mode] = { url: offer.requests.at(-1).url, referrer, back: page.url() };
    await page.close();
  }
  console.log(JSON.stringify({ ad: ad.url, seen }));
} finally {
  await browser.close();
  for (const one of [ad, offer]) one.close();
}
