// What crates/edge/script/t.js comes to when it is made small: to be compared with the file that is served.

import { readFileSync } from 'node:fs';
import { minify } from 'terser';

const source = readFileSync('../crates/edge/script/t.js', 'utf8');
const { code } = await minify(source, { ecma: 2017, compress: { passes: 2 }, mangle: true, format: { comments: /^#/ } });
console.log(JSON.stringify(code));
