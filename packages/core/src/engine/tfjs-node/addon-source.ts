/**
 * What is compiled in the place of the package's `binding/tfjs_binding.cc`: that very file, and before its start a repair of
 * Node. The package's JavaScript calls two functions of `util` that Node 23 removed or warns of; with them back, the package works
 * as it is published, also when a program imports it without us.
 */
export const ADDON_SOURCE = `#include <node_api.h>

static void RepairUtil(napi_env env) {
  const char* const source =
      "const util = process.getBuiltinModule?.('node:util');"
      "if (util) {"
      "  util.isNullOrUndefined = (value) => value === null || value === undefined;"
      "  util.isArray = Array.isArray;"
      "}";
  napi_value script;
  napi_value result;
  if (napi_create_string_utf8(env, source, NAPI_AUTO_LENGTH, &script) != napi_ok) return;
  // A Node that has the functions needs no repair: what goes wrong here does not matter.
  if (napi_run_script(env, script, &result) != napi_ok) napi_get_and_clear_last_exception(env, &result);
}

#undef NAPI_MODULE
#define NAPI_MODULE(name, init) NAPI_MODULE_INIT() { RepairUtil(env); return init(env, exports); }
#include "binding/tfjs_binding.cc"
`
