import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { DeviceKind } from './catalogue'
import { currentTarget } from './wheel'

/** Whether this machine shows signs of a device of a kind; there always is a CPU. */
export function isPresent(kind: DeviceKind): boolean {
  return SIGNS[kind]()
}

/** Whether NVIDIA's driver is loaded. */
export function hasNvidiaGpu(): boolean {
  return (
    existsSync('/proc/driver/nvidia/version') ||
    existsSync('/dev/nvidiactl') ||
    existsSync('/usr/lib/wsl/lib/libcuda.so.1')
  )
}

const SIGNS: Readonly<Record<DeviceKind, () => boolean>> = {
  cpu: () => true,
  cuda: hasNvidiaGpu,
  rocm: () => existsSync('/dev/kfd'),
  oneapi: hasIntelGpu,
  metal: () => currentTarget() === 'darwin-arm64',
  tpu: () => existsSync('/dev/accel0') || existsSync('/dev/vfio/0'),
}

const INTEL = '0x8086'

function hasIntelGpu(): boolean {
  try {
    return readdirSync('/sys/class/drm').some(
      (entry) =>
        entry.startsWith('renderD') && readFileSync(`/sys/class/drm/${entry}/device/vendor`, 'utf8').trim() === INTEL,
    )
  } catch {
    return false
  }
}
