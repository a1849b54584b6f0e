import type { AuthorityView } from '../core/authorityView.js'
import { clientOptions, fail, hasFailed, openClient } from './client.js'
import { type Command, command, EXIT } from './command.js'
import { json, outputOption } from './render.js'
import { asRecords, asSections, type Thing } from './sections.js'
import { ago, until } from './units.js'

const caShow = command({
  name: 'ca show',
  summary: "Show the certificate authority that signs the nodes' certificates.",
  options: { ...clientOptions, ...outputOption },
  details: `Text output, tab-separated:
CA subject fingerprint not-before not-after`,
  examples: [['$0 ca show', '']],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<AuthorityView>('GET', '/ca')
    if (hasFailed(answer)) return fail(answer, context)
    const things = [thingOf(answer.value, context.now)]
    if (args.output === 'json') context.out(json(answer.value))
    else context.out(args.output === 'text' ? asRecords(things) : asSections(things))
    return EXIT.ok
  },
})

const thingOf = ({ subject, fingerprint, notBefore, notAfter }: AuthorityView, now: Date): Thing => ({
  kind: 'CA',
  fields: [
    ['subject', subject],
    ['SHA-256', fingerprint],
    ['from', notBefore, `${notBefore} (${ago(notBefore, now)})`],
    ['until', notAfter, `${notAfter} (${until(notAfter, now)})`],
  ],
})

const caExport = command({
  name: 'ca export',
  summary: "Print the authority's certificate (PEM), for programs that are to trust the nodes.",
  options: clientOptions,
  examples: [
    ['$0 ca export > muster-ca.pem', 'then: curl --cacert muster-ca.pem https://web-1/'],
    ['$0 ca export | openssl x509 -noout -text', ''],
  ],
  async run(args, context) {
    const client = openClient(args, context)
    if (hasFailed(client)) return fail(client, context)
    const answer = await client.json<AuthorityView>('GET', '/ca')
    if (hasFailed(answer)) return fail(answer, context)
    context.out(answer.value.certificate.trimEnd())
    return EXIT.ok
  },
})

export const ca: readonly Command[] = [caShow, caExport]
