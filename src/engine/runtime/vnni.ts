import { readFileSync } from 'node:fs';

/** Whether the processor that `cpuinfo`, the text of Linux' /proc/cpuinfo, tells of adds products of 8 bits in 32 (VNNI). */
export const tellsVnni = (cpuinfo: string): boolean => /^flags\s*:.*\b(avx512_vnni|avx_vnni)\b/m.test(cpuinfo);

/** The same of this machine; false where nobody says. */
export function hasVnni(): boolean {
  try {
    return tellsVnni(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
