import type { Wheel } from '../wheel'

/** XLA's plugin for CUDA 13, and the libraries that `jax-cuda13-plugin[with-cuda]` names, as CUDA Toolkit 13.2.1 has them. */
export const CUDA13: readonly Wheel[] = [
  {
    name: 'jax-cuda13-pjrt',
    version: '0.12.0.1',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '5899bb6177eda86ea532afb9a26794f2bdd04966f6a01f9028266b16c2b6cf90',
      bytes: 134922808,
      unpacked: 395968230,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: '40758d042df8c06991b6a1a8016b56e9cefb1ed4c677c062125c3eb71c3dab97',
      bytes: 128847710,
      unpacked: 376071702,
    },
  },
  {
    name: 'nvidia-cublas',
    version: '13.4.0.1',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '53bf22e2ccbf644db74b6cc21cea7f5efb1a52aa64515438b430abbd05af4106',
      bytes: 404872465,
      unpacked: 563258881,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: '705d7d214fbb20f134415ecadc488abf74f444c155a6555dec5687404afb18a9',
      bytes: 513051304,
      unpacked: 675289625,
    },
  },
  {
    name: 'nvidia-cuda-cupti',
    version: '13.2.75',
    'linux-x64': {
      tag: 'manylinux_2_25_x86_64',
      sha256: 'f75aca6bef89c625a4076a820302bb06764daa1d21595286f6bee5e237d3a187',
      bytes: 11986992,
      unpacked: 48117656,
    },
    'linux-arm64': {
      tag: 'manylinux_2_25_aarch64',
      sha256: '003157a0ca04d34a1f83a764dcbe36eabceda5a771e9a2cc85a461b2765888b6',
      bytes: 11759634,
      unpacked: 47753232,
    },
  },
  {
    name: 'nvidia-cuda-nvcc',
    version: '13.2.78',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: 'c3bd144dd9b6b25e062589acb7bbd43d93d3120c72fad71da808f9817aba1239',
      bytes: 44040318,
      unpacked: 140558867,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: 'dfc76950c775cd00ce588f15192f08c9b858c0dcfa7da685acf39a3d0d8f588b',
      bytes: 38713559,
      unpacked: 122852403,
    },
  },
  {
    name: 'nvidia-cuda-runtime',
    version: '13.2.75',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: '72bf454902da594e0b833cadeddc8b7100ce1c7cf7ed9023943931be1aa913b7',
      bytes: 2321965,
      unpacked: 834946,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '36e539e8deb01568025830c1454216c26ef4b4529507220b1d8ef739bf5c6439',
      bytes: 2339755,
      unpacked: 834410,
    },
  },
  {
    name: 'nvidia-cudnn-cu13',
    version: '9.21.1.3',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '7fa0250b9b0841d4ce41486d777d01160247235ddb8e2ea89e5fcfa4b4c66cd4',
      bytes: 506720831,
      unpacked: 864664385,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: 'a214b59b49a6a5abe23b8a8f6cdb338e366b2a97b8d85891e2397e4a970f8c3e',
      bytes: 513428540,
      unpacked: 741199305,
    },
  },
  {
    name: 'nvidia-cufft',
    version: '12.2.0.46',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: 'a9667ae4d81b9e54ddbbad24a9e72334f89d4fc184566d05ef028e2760c820eb',
      bytes: 218258098,
      unpacked: 291911046,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '2e8f3a22c2745f95327b7639ba2868ea2cbd5d3131ebe6313394e24164054f41',
      bytes: 218244743,
      unpacked: 289639230,
    },
  },
  {
    name: 'nvidia-cusolver',
    version: '12.2.0.1',
    'linux-x64': {
      tag: 'manylinux_2_27_x86_64',
      sha256: '4693ea3c2a5d20369da7b5a4970a41df9b40f1b6f2ef9909c95f7c8c8c5ffb4d',
      bytes: 227391570,
      unpacked: 276063248,
    },
    'linux-arm64': {
      tag: 'manylinux_2_27_aarch64',
      sha256: 'c9def09fcf300b9465cdf800142abf10149df28c4290bdf9e7b4a700480d31d7',
      bytes: 249744985,
      unpacked: 296842416,
    },
  },
  {
    name: 'nvidia-cusparse',
    version: '12.7.10.1',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: 'f0d110640aa63e7182fa787cc245afa07c5fb84ac30f1c4029e4fa3012353172',
      bytes: 150855566,
      unpacked: 167412375,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '80cc98b38fdcf054a80bd9782fe2e63c66f90e202cac269f641357ccac5fe7e3',
      bytes: 168860233,
      unpacked: 181590239,
    },
  },
  {
    name: 'nvidia-nccl-cu13',
    version: '2.29.7',
    'linux-x64': {
      tag: 'manylinux_2_18_x86_64',
      sha256: 'edd81538446786ec3b73972543e53bb43bcaf0bfc8ef76cb679fcc390ffe136d',
      bytes: 205976000,
      unpacked: 236528872,
    },
    'linux-arm64': {
      tag: 'manylinux_2_18_aarch64',
      sha256: '674a12383e3c38a1bcccae7d4f3633b37852230b6047883cb2f4c2d1b36d9bf5',
      bytes: 206014712,
      unpacked: 237979072,
    },
  },
  {
    name: 'nvidia-nvjitlink',
    version: '13.2.78',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: '27964b6702aeceee05fc0ab47b4c97e3f8966bd47d05d9827e913c49a025656b',
      bytes: 41370766,
      unpacked: 100502333,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: 'f8db47f159e434f5c7b9de53c4bc71cfa03ac3aeae717db5dc91b846c506b0a3',
      bytes: 39285235,
      unpacked: 90336125,
    },
  },
  {
    name: 'nvidia-cuda-nvrtc',
    version: '13.2.78',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: 'a9049031da08cbedd0c20e3470e5a978dc330af0e0326b3b05774718c665dc3e',
      bytes: 47019062,
      unpacked: 119836418,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: 'a50367a7e2a0bd00fb27e5648179149cc7a60e7c7811740a5ff559f06234526d',
      bytes: 44754755,
      unpacked: 109432762,
    },
  },
  {
    name: 'nvidia-nvshmem-cu13',
    version: '3.6.5',
    'linux-x64': {
      tag: 'manylinux2014_x86_64',
      sha256: '4001aabc72ead32ecc3c9add3c6781befcb71adcbe286d7f5956042e68668c70',
      bytes: 71952588,
      unpacked: 90108394,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '94aa0149490be658cf95945ce9f16ba90a90edbd6a564366f996ead7496f2f22',
      bytes: 71726240,
      unpacked: 89840266,
    },
  },
  {
    name: 'nvidia-nvvm',
    version: '13.2.78',
    'linux-x64': {
      tag: 'manylinux2010_x86_64',
      sha256: 'f5aa433631109bbdec81802c5b5f319bf10bc891fe2f212e4e445845211d6f77',
      bytes: 64279462,
      unpacked: 146853899,
    },
    'linux-arm64': {
      tag: 'manylinux2014_aarch64',
      sha256: '88075f87a361a1dce95c799cabc028f7093af616a5702dcfb74eba4045dbbd5f',
      bytes: 61886055,
      unpacked: 133659371,
    },
  },
]
