// Every code that a `failure` event can carry, and what it means.
#pragma once

namespace taskzip::code {

inline constexpr char kBadUsage[] = "bad_usage";                // the command line
inline constexpr char kBadSpec[] = "bad_spec";                  // the RunSpec's text or values
inline constexpr char kContractMismatch[] = "contract_mismatch";  // a RunSpec of another version
inline constexpr char kFileMissing[] = "file_missing";          // a file cannot be read
inline constexpr char kFileMismatch[] = "file_mismatch";        // an input file of another size
inline constexpr char kWriteFailed[] = "write_failed";          // an output cannot be written
inline constexpr char kRuntimeMissing[] = "runtime_missing";    // a runtime's library is not there
inline constexpr char kRuntimeMismatch[] = "runtime_mismatch";  // it is another version
inline constexpr char kOpenFailed[] = "open_failed";            // the runtime refuses the file
inline constexpr char kEntryMissing[] = "entry_missing";        // the file has no such entry
inline constexpr char kLoadFailed[] = "load_failed";            // an entry cannot be prepared
inline constexpr char kTensorMismatch[] = "tensor_mismatch";    // entry and RunSpec disagree
inline constexpr char kInvokeFailed[] = "invoke_failed";        // the runtime failed to run
inline constexpr char kMeasureFailed[] = "measure_failed";      // /proc does not answer
inline constexpr char kNoMemory[] = "no_memory";                // no room for ballast

}  // namespace taskzip::code
