import { readFileSync } from 'node:fs';

/** Whether the processor described by `cpuinfo`, the text of Linux's /proc/cpuinfo, sums 8-bit products in 32 bits (VNNI). */
export const tellsVnni = (cpuinfo: string): boolean => /^flags\s*:.*\b(avx512_vnni|avx_vnni)\b/m.test(cpuinfo);

/** The same for this machine; false if it is unknown. */
export function hasVnni(): boolean {
  try {
    return tellsVnni(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
