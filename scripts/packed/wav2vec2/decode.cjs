'use strict'
require('./decode-run.cjs').run({ core: require('@babble/core') })
