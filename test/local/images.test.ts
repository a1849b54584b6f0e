import t from 'tap'
import { imagesBuild } from '../../src/local/images.js'
import { fakeContext } from '../commands/fakeApi.js'

t.test('images build: of a profile that is not there', async t => {
  const told: string[] = []
  const context = { ...fakeContext(''), err: (text: string) => told.push(text) }
  const args = {
    ...{ 'profiles-dir': t.testdir(), 'state-dir': t.testdir(), force: false },
    config: undefined,
  }
  const exit = await imagesBuild.run(
    { ...args, mirrors: undefined, operands: { profile: ['debian-12-imag'] } },
    context,
  )
  t.equal(exit, 3)
  t.same(told, [
    'muster: there is no profile debian-12-imag (did you mean debian-12-image?): profiles check lists them',
  ])
})
