import * as z from 'zod'
import type { FactSource } from '../../facts/fact.ts'
import { linuxPattern, linuxRead } from './reads.ts'

/** A name as `sysctl` prints it: `net.ipv4.ip_forward`, `net.ipv4.conf.eth0/10.forwarding` (a slash is a dot of a name). */
export const kernelSettingParam = z
  .string()
  .max(200)
  .regex(/^[a-z]\w*(?:\.\w[\w:@/-]*)+$/i, 'expected a kernel setting, such as net.ipv4.ip_forward')

/** The value that the kernel uses now, as it prints it, words apart by one blank; not what a file would set at boot. */
export function kernelSetting(name: string): FactSource<string> {
  const path = name.replaceAll(/[./]/g, sign => (sign === '.' ? '/' : '.'))
  return {
    key: `kernel-setting ${name}`,
    place: 'host',
    reads: [linuxPattern.kernelSetting(path)],
    async take(context) {
      const { stdout } = await context.read(linuxRead.kernelSetting(path))
      return stdout.trim().split(/\s+/).join(' ')
    }
  }
}
