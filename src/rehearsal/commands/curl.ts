import { type Command } from '../machine.ts'
import { done, failed } from '../invocation.ts'
import { urlTarget } from '../model/route-model.ts'

/** Options of curl that take a value, as far as they matter for where the URLs are. */
const withValue =
  /^(?:-[A-Za-z]*[oHmXwudAbceKTxyYzrECDFQtUPC]|--(?:output|header|max-time|connect-timeout|request|write-out|user|data|retry|retry-delay|retry-max-time|resolve|connect-to|cacert|cert|key|user-agent))$/

/** What a question over the network takes. */
const askMs = 20

export const curl: Command = async (call, { notes, routes }) => {
  const [, ...words] = call.argv
  const urls: string[] = []
  let format = ''
  let failsOnStatus = false
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ''
    if (/^--fail(?:-with-body)?$/.test(word) || (/^-[a-zA-Z]+$/.test(word) && word.includes('f')))
      failsOnStatus = true
    if (withValue.test(word)) {
      at += 1
      if (/^(?:-[A-Za-z]*w|--write-out)$/.test(word)) format = words[at] ?? ''
    } else if (!word.startsWith('-')) urls.push(word)
  }
  const url = urlTarget(urls[0] ?? '')
  if (url === null) return failed(2, 'curl: (2) no URL specified\n')
  await call.self.sleep(askMs)
  const answer = routes.ask(url)
  const code = answer.kind === 'status' ? String(answer.status) : '000'
  const written = format
    .replaceAll('%{http_code}', code)
    .replaceAll('%{response_code}', code)
    .replaceAll('\\n', '\n')
  if (answer.kind === 'unknown') {
    notes.unknown({ name: url.key, kind: 'answer', unit: call.unit, place: call.place, why: answer.why })
    return failed(7, `curl: (7) ${answer.why}\n`, written)
  }
  notes.ask(call, { target: url, answer: answer.kind === 'status' ? code : 'refused' })
  if (answer.kind === 'refused') return failed(7, 'curl: (7) Failed to connect\n', written)
  if (failsOnStatus && answer.status >= 400)
    return failed(22, 'curl: (22) The requested URL returned error\n', written)
  return done(written)
}
