// Direct tracking in a real Chromium: every journey has a campaign of its own, and says what its report has to show.
//
// usage: node direct.mjs TRACKER_URL API_KEY CHROMIUM CERT KEY KEY_HASH [JOURNEY]
// Prints a JSON object: journey → { expected: figures by metric, … what it saw }.

import { caller } from './stage.mjs';
import { VARIANTS, browserOf, town, undriven, until } from './town.mjs';
import { journeys } from './direct_journeys.mjs';

const [tracker, apiKey, executablePath, cert, key, keyHash, only] = process.argv.slice(2);
const api = caller(tracker, apiKey);
const pages = {};
const sites = await town({ tracker, cert, key, pages });
const { browser, visitor } = await browserOf(executablePath, sites.port, keyHash);

const network = await api('POST', '/networks', { name: 'direct', offer_url_param: 'subid' });
const offer = await api('POST', '/offers', { name: 'direct', network: network.id, url: 'https://offer.test/buy' });

/** A campaign for pages of shop.test. */
async function campaign(name) {
  const lander = await api('POST', '/landers', { name, url: `https://shop.test/${name}` });
  const flow = await api('POST', '/flows', {
    name, default: [{ landers: [{ lander: lander.id }], offers: [{ offer: offer.id }] }],
  });
  await api('POST', '/campaigns', { name, key: name, flow: flow.id, origins: ['https://shop.test'] });
}

/** The tag of a campaign. */
const tag = (name, more = '', base = VARIANTS.subdomain) =>
  `<script src="${base}t.js" data-campaign="${name}" ${more} defer></script>`;

const results = {};
try {
  for (const [name, journey] of Object.entries(journeys)) {
    if (only && only !== name) continue;
    await campaign(name);
    const context = await visitor();
    const errors = [];
    context.on('page', (page) => page.on('pageerror', (error) => errors.push(String(error))));
    const before = sites.seen.length;
    const set = (path, page) => { pages[`shop.test${path}`] = page; };
    const open = async (path) => {
      const page = await context.newPage();
      await page.goto(`https://shop.test${path}`);
      return page;
    };
    const id = (page) => until('the click id', () => page.evaluate(() => window.clicktrail && window.clicktrail.id()));
    try {
      const alone = (path) => undriven(executablePath, sites.port, keyHash, `https://shop.test${path}`);
      const saw = await journey({ name, api, context, set, open, alone, id, tag, sites, tracker, until });
      results[name] = { errors, requests: sites.seen.length - before, ...saw };
    } catch (error) {
      throw new Error(`${name}: ${error.stack}\n${JSON.stringify(sites.seen.slice(before), null, 1)}\n${errors.join('\n')}`);
    }
    await context.close();
  }
  console.log(JSON.stringify(results));
} finally {
  await browser.close();
  sites.close();
}
