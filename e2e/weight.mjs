// What the page script costs a page: time of the main thread with a processor four times slower, over several loads.
//
// usage: node weight.mjs TRACKER_URL API_KEY CHROMIUM
// Prints JSON: milliseconds in the script of every load, smallest first.

import { caller, site, visitor } from './stage.mjs';

const [tracker, apiKey, executablePath] = process.argv.slice(2);
const LOADS = 15, SLOWER = 4;
const api = caller(tracker, apiKey);
// A long page: fifty links, five of them to the offer.
const links = Array.from({ length: 50 }, (_, n) => `<a href="https://${n % 10 ? 'shop' : 'offer'}.example/${n}">Link</a>`).join('');
const shop = await site('127.0.0.2', () => `<!doctype html>
  <script src="${tracker}/t.js" data-campaign=weight data-offers=offer.example defer></script>
  ${links}<form><input type=hidden name=clickid></form>`);
const { browser } = await visitor(executablePath);

/** Time within the script: what it runs when it is loaded, and whenever it is called. Calls within calls count once. */
function spent(trace) {
  const { traceEvents } = JSON.parse(trace);
  const isOurs = ({ ph, name, args }) => ph === 'X' && ['EvaluateScript', 'FunctionCall', 'v8.compile'].includes(name)
    && String(args?.data?.url ?? args?.fileName ?? '').endsWith('/t.js');
  let end = 0, sum = 0;
  // The thread's own clock: what others do on the machine is not the page's time.
  for (const { tts, tdur = 0 } of traceEvents.filter(isOurs).sort((a, b) => a.tts - b.tts)) {
    sum += Math.max(0, tts + tdur - Math.max(end, tts));
    end = Math.max(end, tts + tdur);
  }
  return sum / 1000;
}

try {
  const lander = await api('POST', '/landers', { name: 'weight', url: `${shop.url}/` });
  const offer = await api('POST', '/offers', { name: 'weight', url: 'https://offer.example/buy' });
  const flow = await api('POST', '/flows', { name: 'weight', default: [{ landers: [{ lander: lander.id }], offers: [{ offer: offer.id }] }] });
  await api('POST', '/campaigns', { name: 'weight', key: 'weight', flow: flow.id });
  const times = [];
  for (let load = 0; load < LOADS; load++) {
    const context = await browser.newContext();
    const tab = await context.newPage();
    const protocol = await context.newCDPSession(tab);
    await protocol.send('Emulation.setCPUThrottlingRate', { rate: SLOWER });
    await browser.startTracing(tab, { categories: ['devtools.timeline', 'v8'] });
    await tab.goto(`${shop.url}/?zone=${load}&gclid=g${load}`);
    await tab.waitForFunction(() => window.clicktrail.id());
    times.push(spent((await browser.stopTracing()).toString()));
    await context.close();
  }
  console.log(JSON.stringify(times.sort((a, b) => a - b)));
} finally {
  await browser.close();
  shop.close();
}
