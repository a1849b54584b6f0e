import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { unitFile } from '../../src/local/unit.js'

const run = promisify(execFile)

/** systemd-analyze rates from 0, shut off, to 10, exposed. */
const MOST = 3

t.test('systemd judges the unit', async t => {
  const dir = await mkdtemp(join(tmpdir(), 'muster-unit-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const unit = join(dir, 'muster.service')
  await writeFile(
    unit,
    unitFile({ node: process.execPath, program: '/opt/muster/dist/cli.js', settings: [] }),
  )
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', '--no-pager', unit], {
    timeout: 30_000,
  })
  const exposure = Number(/exposure level for muster\.service: ([\d.]+)/.exec(stdout)?.[1])
  t.ok(exposure < MOST, `exposure ${exposure} is under ${MOST}`)
})
