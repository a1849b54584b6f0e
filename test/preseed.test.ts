import t from 'tap'
import { golden } from './golden.js'
import { JOB_TOKEN } from './support/installJobs.js'
import { PRESEEDS, preseedOf, reporterOf } from './support/preseed.js'

for (const [name, given] of PRESEEDS)
  t.test(`the preseed of layout ${name}`, async t =>
    golden(t, `test/golden/preseed-${name}.cfg`, preseedOf(given)),
  )

t.test('the reporter', async t => golden(t, 'test/golden/reporter.sh', reporterOf()))

t.test('a mirror without one for security updates', async t => {
  const text = preseedOf({ mirror: 'lonely' })
  t.match(text, /^d-i apt-setup\/services-select multiselect updates$/m)
  t.notMatch(text, 'apt-setup/local0')
})

t.test('keys and tokens are not in the preseed', async t =>
  t.notMatch(preseedOf(), new RegExp(`AAAA|${JOB_TOKEN}`)),
)
