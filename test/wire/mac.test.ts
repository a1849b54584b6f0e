import t from 'tap'
import { parseMac } from '../../src/wire/mac.js'

for (const [name, text, want] of [
  ['colons', '52:54:00:AB:cd:ef', '52:54:00:ab:cd:ef'],
  ['hyphens', '52-54-00-ab-cd-ef', '52:54:00:ab:cd:ef'],
  ['bare', '525400abcdef', '52:54:00:ab:cd:ef'],
  ['too short', '52:54:00:ab:cd', undefined],
  ['not hex', '52:54:00:ab:cd:eg', undefined],
] as const)
  t.test(name, async t => t.equal(parseMac(text), want))
