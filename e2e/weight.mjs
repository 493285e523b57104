// What the page script costs a page: time of the main thread, at full speed and with a processor four times slower, over
// several loads. Beside it, in turn, a script that does nothing but send one request and read the answer.
//
// usage: node weight.mjs TRACKER_URL API_KEY CHROMIUM
// Prints JSON: script → speed (`full`, `slowed`) → milliseconds of every load.

import { caller, site, visitor } from './stage.mjs';
import { until } from './town.mjs';

const [tracker, apiKey, executablePath] = process.argv.slice(2);
const LOADS = 15, SPEEDS = { full: 1, slowed: 4 };
const api = caller(tracker, apiKey);

const REQUEST = `
  let id = '';
  window.clicktrail = { id: () => id };
  fetch('${tracker}/d/weight', { method: 'POST', body: 'u=' + encodeURIComponent(location.href), keepalive: true, credentials: 'include' })
    .then((answer) => answer.json()).then((told) => { id = told.click_id; });`;
const SCRIPTS = { script: `${tracker}/t.js`, request: '/request.js' };

// A long page: fifty links, five of them to the offer.
const links = Array.from({ length: 50 }, (_, n) => `<a href="https://${n % 10 ? 'shop' : 'offer'}.example/${n}">Link</a>`).join('');
const shop = await site('127.0.0.1', ({ pathname }) => (pathname === SCRIPTS.request ? REQUEST : `<!doctype html>
  <script src="${SCRIPTS[pathname.slice(1)]}" data-campaign=weight data-offers=offer.example defer></script>
  ${links}<form><input type=hidden name=clickid></form>`));
// By a name, as sites have one: in place of an address, for which browsers set no cookie but its own.
const home = shop.url.replace('127.0.0.1', 'shop.localhost');
const { browser } = await visitor(executablePath);

/**
 * Time within the script: what it runs when it is loaded, whenever it is called, and when a promise of it is kept. Nothing
 * else on the page has promises. Calls within calls count once.
 */
function spent(trace, script) {
  const { traceEvents } = JSON.parse(trace);
  const isOf = ({ args }) => String(args?.data?.url ?? args?.fileName ?? '').endsWith(script);
  const { pid, tid } = traceEvents.find((event) => event.name === 'EvaluateScript' && isOf(event));
  const isOurs = (event) => event.ph === 'X' && event.pid === pid && event.tid === tid
    && (event.name === 'RunMicrotasks' || (['EvaluateScript', 'FunctionCall', 'v8.compile'].includes(event.name) && isOf(event)));
  let end = 0, sum = 0;
  // The thread's own clock: what others do on the machine is not the page's time.
  for (const { tts, tdur = 0 } of traceEvents.filter(isOurs).sort((a, b) => a.tts - b.tts)) {
    sum += Math.max(0, tts + tdur - Math.max(end, tts));
    end = Math.max(end, tts + tdur);
  }
  return sum / 1000;
}

/** One load by somebody new, until the id is there. */
async function load(name, rate, number) {
  const context = await browser.newContext();
  const tab = await context.newPage();
  const protocol = await context.newCDPSession(tab);
  await protocol.send('Emulation.setCPUThrottlingRate', { rate });
  await browser.startTracing(tab, { categories: ['devtools.timeline', 'v8', 'v8.execute'] });
  await tab.goto(`${home}/${name}?zone=${number}&gclid=${name}-${rate}-${number}`);
  // Asked so, the page runs nothing that would be counted.
  const expression = 'window.clicktrail && window.clicktrail.id()';
  await until('the click id', async () => (await protocol.send('Runtime.evaluate', { expression })).result.value);
  const trace = await browser.stopTracing();
  await context.close();
  return spent(trace.toString(), SCRIPTS[name]);
}

try {
  const lander = await api('POST', '/landers', { name: 'weight', url: `${home}/script` });
  const offer = await api('POST', '/offers', { name: 'weight', url: 'https://offer.example/buy' });
  const flow = await api('POST', '/flows', { name: 'weight', default: [{ landers: [{ lander: lander.id }], offers: [{ offer: offer.id }] }] });
  await api('POST', '/campaigns', { name: 'weight', key: 'weight', flow: flow.id });
  const times = { script: { full: [], slowed: [] }, request: { full: [], slowed: [] } };
  for (let number = 0; number < LOADS; number++) {
    for (const [speed, rate] of Object.entries(SPEEDS)) {
      for (const name of Object.keys(SCRIPTS)) times[name][speed].push(await load(name, rate, number));
    }
  }
  console.log(JSON.stringify(times));
} finally {
  await browser.close();
  shop.close();
}
