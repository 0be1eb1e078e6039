import type { Wheel } from '../wheel'

/** XLA's plugin for Intel GPUs, and the libraries that `jax-oneapi-plugin[with-oneapi]` names. */
export const ONEAPI: readonly Wheel[] = [
  {
    name: 'jax-oneapi-pjrt',
    version: '0.11.2',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: 'ae7250c5d4459dcfedf4de1bf683edfef0502861e44b6e9bfaa7d8133b4292c1',
      bytes: 135149983,
      unpacked: 521496077,
    },
  },
  {
    name: 'dpcpp-cpp-rt',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '670285c8aa5f242456d3d95b9fa7cec12ad2ac34d785470780af4cd58be054c0',
      bytes: 28824,
      unpacked: 26483,
    },
  },
  {
    name: 'intel-sycl-rt',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'af82eeab518519c1177ebfed9e05a508a6f2c69795b33c2cf8e54b8020909b30',
      bytes: 24178667,
      unpacked: 30354463,
    },
  },
  {
    name: 'tbb',
    version: '2022.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '4992a3f2268b33f9a7b4c274af9d7001f550e74246436647b267d58e4947628a',
      bytes: 3614726,
      unpacked: 4327527,
    },
  },
  {
    name: 'intel-cmplr-lib-rt',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '42409cfb10b8ed2c90fa985cf156f26b51cec61b1fb0bdff04afdeefa1afd875',
      bytes: 47235223,
      unpacked: 155815653,
    },
  },
  {
    name: 'intel-cmplr-lib-ur',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'b34ddb46fc70e21209297ac13f800e37be390df1589f4dd22e194b289871f30e',
      bytes: 26333678,
      unpacked: 29480980,
    },
  },
  {
    name: 'intel-cmplr-lic-rt',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '561ff766d70e499d334c1fccdf207c26b29c7a4b76bb783548cc2f0d9c8ad628',
      bytes: 18911,
      unpacked: 51622,
    },
  },
  {
    name: 'intel-opencl-rt',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '0e194c2ba8540a41b811721ced9de88ec0bb8eba17cc4a46af91f8ce67941bc1',
      bytes: 195361529,
      unpacked: 364204741,
    },
  },
  {
    name: 'intel-openmp',
    version: '2025.1.1',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'c3d3255f4076b86b6fb7e556492c4722be583bb958f095adc92d7a0e3807ec51',
      bytes: 48598966,
      unpacked: 148385671,
    },
  },
  {
    name: 'impi-rt',
    version: '2021.15.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '1e900c630d6396c8a33816de9866d74f06419903db454899045fadb05ab390f1',
      bytes: 82633082,
      unpacked: 108962613,
    },
  },
  {
    name: 'intel-pti',
    version: '0.12.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '14914a704db88ee00d1816f08eb8c27037ad1673ab5d565943f4dd39a59bd746',
      bytes: 1054212,
      unpacked: 1599516,
    },
  },
  {
    name: 'mkl',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '1c201bc314304760d995a2b5cc7df9175afba2d3eb7aa70c4917ebe35c2f48de',
      bytes: 186817693,
      unpacked: 552208859,
    },
  },
  {
    name: 'onemkl-sycl-blas',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '6d445181651b4c9b7a62db3043df007e251622203b359d72a8a2037b08e14f75',
      bytes: 22213112,
      unpacked: 105792152,
    },
  },
  {
    name: 'onemkl-sycl-dft',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '14e6eef173fcec2c7cb111ca07590532375e534985d9476265c8481c874af105',
      bytes: 7126870,
      unpacked: 43734719,
    },
  },
  {
    name: 'onemkl-sycl-lapack',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '74f976ebd6a32140e5b27144c825d2e5585d5ba91f0dcac50476d78a1bdc0c81',
      bytes: 13011330,
      unpacked: 62668903,
    },
  },
  {
    name: 'onemkl-sycl-rng',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: '19669e714d74b21b2b2b07e2fd25b144b9f9fedba1da94922e8a4f64d9e1f53e',
      bytes: 25294801,
      unpacked: 124490623,
    },
  },
  {
    name: 'onemkl-sycl-sparse',
    version: '2025.1.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'd2e81d57f472977d89f9e4f2be093c048ae4ea35b8acee96b8656e1d4cedbe39',
      bytes: 22901713,
      unpacked: 129070215,
    },
  },
  {
    name: 'umf',
    version: '0.10.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'a27a368c614fd9d0e67e9ef77de391a7080697d7a4d51b9035707f629d81dc7c',
      bytes: 314530,
      unpacked: 205072,
    },
  },
  {
    name: 'tcmlib',
    version: '1.3.0',
    'linux-x64': {
      tag: 'manylinux_2_28_x86_64',
      sha256: 'c328ba464c556e46174879c694cafd17ba17c3e7406a79fee47bb3e8c9c6a6c5',
      bytes: 4158009,
      unpacked: 4993565,
    },
  },
]
