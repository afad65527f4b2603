import type { Line } from './dial.ts'
import type { HostAddress, HostSession, OpenSession, SessionOptions } from '../facts/session.ts'

/**
 * Opens a fresh session to a host, by the transport that the home names. The adapters are loaded when they
 * are needed, so that commands which ask no host start without ssh2.
 *
 * @throws HostUnseen with the true reason.
 */
export const openSession: OpenSession = async (host, options) => {
  switch (host.transport) {
    case 'ssh2':
      return openDialling(host, options)
    case 'openssh': {
      const { openOpenssh } = await import('./openssh.ts')
      options.begun?.()
      return openOpenssh(host, options)
    }
    case 'local': {
      const { openLocal } = await import('./local.ts')
      options.begun?.()
      return openLocal(host, options)
    }
  }
}

/**
 * Connects, and logs in with ssh2, which is loaded meanwhile: that takes as long as a host near by takes to say
 * its first word.
 */
async function openDialling(host: HostAddress, options: SessionOptions): Promise<HostSession> {
  const [{ dialHost }, { loginLimit }] = await Promise.all([
    import('./dial.ts'),
    import('./reader/reader.ts')
  ])
  const limit = loginLimit(host, options)
  let line: Line | undefined
  try {
    line = await dialHost(host, limit.signal)
    options.begun?.()
    const { openSsh2 } = await import('./ssh2-session.ts')
    return await openSsh2(host, line, options, limit.signal)
  } catch (error) {
    line?.abort()
    throw error
  } finally {
    limit.done()
  }
}
