import { Client, request as send } from 'undici'
import { forgeBounds } from '../lib/bounds.ts'
import { messageOf } from '../lib/errors.ts'
import { withoutSecret } from '../lib/secrets/without-secret.ts'

export interface ForgeCall {
  readonly method: 'GET' | 'POST'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** What in them is secret: it is cut out of whatever comes back. */
  readonly secret: string
  readonly body?: string
  /** PEM of the authority to trust instead of the machine's. */
  readonly ca?: string
}

/**
 * Asks a forge's API once. Follows no redirect: a token goes where the home says and nowhere else. The proxy
 * settings of the environment are ignored.
 *
 * @returns the answer, its body cut at `forgeBounds.bodyBytes`, without the secret.
 * @throws what the network says, without the secret; the signal's reason.
 */
export async function callForge(
  { method, url, headers, secret, body, ca }: ForgeCall,
  signal: AbortSignal
): Promise<{
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}> {
  const at = new URL(url)
  const client = new Client(at.origin, {
    connect: { timeout: forgeBounds.deadlineMs, ...(ca === undefined ? {} : { ca }) },
    headersTimeout: forgeBounds.deadlineMs,
    bodyTimeout: forgeBounds.deadlineMs
  })
  try {
    const answer = await send(at, {
      dispatcher: client,
      method,
      headers: { 'user-agent': 'adversary-bot', accept: 'application/json', ...headers },
      signal: AbortSignal.any([signal, AbortSignal.timeout(forgeBounds.deadlineMs)]),
      ...(body === undefined ? {} : { body })
    })
    const chunks: Uint8Array[] = []
    let length = 0
    for await (const chunk of answer.body) {
      chunks.push(chunk)
      length += chunk.length
      if (length > forgeBounds.bodyBytes) break
    }
    const texts = Object.entries(answer.headers).map(([name, value]) => [
      name,
      withoutSecret([value ?? ''].flat().join(', '), secret)
    ])
    return {
      status: answer.statusCode,
      headers: Object.fromEntries(texts),
      body: withoutSecret(Buffer.concat(chunks).subarray(0, forgeBounds.bodyBytes).toString(), secret)
    }
  } catch (error) {
    signal.throwIfAborted()
    const message = messageOf(error)
    const clean = withoutSecret(message, secret)
    throw clean === message ? error : new Error(clean)
  } finally {
    await client.destroy()
  }
}
