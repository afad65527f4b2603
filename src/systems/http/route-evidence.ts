import type { Certificate, RouteAnswer, RouteEvidence, RouteRequest } from '../../facts/fact.ts'
import { typed } from '../../facts/read-command.ts'

/** How a route that is asked stands in the evidence. */
export function routeEvidence(request: RouteRequest): RouteEvidence {
  return { command: typedRoute(request), output: routeText }
}

/** The question as a person would ask it with curl, or of a certificate alone with openssl. */
export function typedRoute(request: RouteRequest): string {
  const url = new URL(request.url)
  const port = url.port || (url.protocol === 'https:' ? '443' : '80')
  if (request.method === 'TLS') {
    const to = request.address ?? url.hostname
    const at = to.includes(':') && !to.startsWith('[') ? `[${to}]` : to
    const protocol = request.startTls ?? null
    // An address is no name to ask for.
    const isNamed = !url.hostname.startsWith('[') && !/^[\d.]+$/.test(url.hostname)
    return typed({
      argv: [
        'openssl',
        's_client',
        '-connect',
        `${at}:${port}`,
        ...(isNamed ? ['-servername', url.hostname] : []),
        ...(protocol === null ? [] : ['-starttls', protocol]),
        ...(request.ca === undefined ? [] : ['-CAfile', 'ca.pem'])
      ]
    })
  }
  const argv = ['curl', request.method === 'HEAD' ? '-sI' : '-si']
  if (request.address !== undefined) argv.push('--resolve', `${url.hostname}:${port}:${request.address}`)
  if (request.ca !== undefined) argv.push('--cacert', 'ca.pem')
  return typed({ argv: [...argv, request.url] })
}

function routeText(answer: RouteAnswer): string {
  if (answer.kind === 'handshake') return certificateText(answer.certificate ?? null)
  if (answer.kind !== 'answered') return `${answer.kind}: ${answer.detail}\n`
  const lines = [`HTTP/${answer.version} ${answer.status}`]
  if (answer.location !== null) lines.push(`location: ${answer.location}`)
  return `${lines.join('\n')}\n`
}

function certificateText(seen: Certificate | null): string {
  if (seen === null) return 'no certificate\n'
  const lines = [`subject=CN = ${seen.subject}`, `issuer=CN = ${seen.issuer}`, `notAfter=${seen.validTo}`]
  return lines.map(line => `${line}\n`).join('')
}
