// The part of LiteRT's C API that the runner calls.
//
// The wheels carry libLiteRt.so but no headers, so the functions are declared here: handles are
// opaque, and the one structure that is passed by value keeps the layout of release 2.3.0. The
// backend checks at start that the library is the file that it was built against.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

using LiteRtStatus = int;  // 0: success
using LiteRtEnvironment = struct LiteRtEnvironmentT*;
using LiteRtModel = struct LiteRtModelT*;
using LiteRtSignature = struct LiteRtSignatureT*;
using LiteRtTensor = struct LiteRtTensorT*;
using LiteRtOptions = struct LiteRtOptionsT*;
using LiteRtOpaqueOptions = struct LiteRtOpaqueOptionsT*;
using LiteRtCompiledModel = struct LiteRtCompiledModelT*;
using LiteRtTensorBuffer = struct LiteRtTensorBufferT*;
using LiteRtTensorBufferRequirements = struct LiteRtTensorBufferRequirementsT*;

// What a tensor is; read from the model and handed on, never looked into.
struct LiteRtRankedTensorType {
  alignas(4) unsigned char opaque[72];
};

struct LiteRtAny {
  int type;  // 2: integer
  std::int64_t value;
};

struct LiteRtEnvOption {
  int tag;
  LiteRtAny value;
};

inline constexpr int kLiteRtAnyInteger = 2;
inline constexpr int kLiteRtEnvAutoRegisterAccelerators = 24;
inline constexpr int kLiteRtEnvMinLoggerSeverity = 25;
inline constexpr int kLiteRtLogWarning = 2;
inline constexpr int kLiteRtCpu = 1;
inline constexpr int kLiteRtLockRead = 0;
inline constexpr int kLiteRtLockWrite = 1;

LiteRtStatus LiteRtCreateEnvironment(int count, const LiteRtEnvOption* options,
                                     LiteRtEnvironment* environment);
void LiteRtDestroyEnvironment(LiteRtEnvironment environment);

LiteRtStatus LiteRtCreateModelFromFile(LiteRtEnvironment environment, const char* path,
                                       LiteRtModel* model);
void LiteRtDestroyModel(LiteRtModel model);
LiteRtStatus LiteRtGetNumModelSignatures(LiteRtModel model, std::size_t* count);
LiteRtStatus LiteRtGetModelSignature(LiteRtModel model, std::size_t index,
                                     LiteRtSignature* signature);
LiteRtStatus LiteRtGetSignatureKey(LiteRtSignature signature, const char** key);
LiteRtStatus LiteRtGetNumSignatureInputs(LiteRtSignature signature, std::size_t* count);
LiteRtStatus LiteRtGetNumSignatureOutputs(LiteRtSignature signature, std::size_t* count);
LiteRtStatus LiteRtGetSignatureInputTensorByIndex(LiteRtSignature signature, std::size_t index,
                                                  LiteRtTensor* tensor);
LiteRtStatus LiteRtGetSignatureOutputTensorByIndex(LiteRtSignature signature, std::size_t index,
                                                   LiteRtTensor* tensor);
LiteRtStatus LiteRtGetRankedTensorType(LiteRtTensor tensor, LiteRtRankedTensorType* type);

LiteRtStatus LiteRtCreateOptions(LiteRtOptions* options);
void LiteRtDestroyOptions(LiteRtOptions options);
LiteRtStatus LiteRtSetOptionsHardwareAccelerators(LiteRtOptions options, int accelerators);
LiteRtStatus LiteRtCreateOpaqueOptions(const char* identifier, void* payload,
                                       void (*release)(void* payload),
                                       LiteRtOpaqueOptions* options);
LiteRtStatus LiteRtAddOpaqueOptions(LiteRtOptions options, LiteRtOpaqueOptions added);

LiteRtStatus LiteRtCreateCompiledModel(LiteRtEnvironment environment, LiteRtModel model,
                                       LiteRtOptions options, LiteRtCompiledModel* compiled);
void LiteRtDestroyCompiledModel(LiteRtCompiledModel compiled);
LiteRtStatus LiteRtGetCompiledModelInputBufferRequirements(
    LiteRtCompiledModel compiled, std::size_t signature, std::size_t input,
    LiteRtTensorBufferRequirements* requirements);
LiteRtStatus LiteRtGetCompiledModelOutputBufferRequirements(
    LiteRtCompiledModel compiled, std::size_t signature, std::size_t output,
    LiteRtTensorBufferRequirements* requirements);
LiteRtStatus LiteRtRunCompiledModel(LiteRtCompiledModel compiled, std::size_t signature,
                                    std::size_t input_count, LiteRtTensorBuffer* inputs,
                                    std::size_t output_count, LiteRtTensorBuffer* outputs);

LiteRtStatus LiteRtCreateManagedTensorBufferFromRequirements(
    LiteRtEnvironment environment, const LiteRtRankedTensorType* type,
    LiteRtTensorBufferRequirements requirements, LiteRtTensorBuffer* buffer);
void LiteRtDestroyTensorBuffer(LiteRtTensorBuffer buffer);
LiteRtStatus LiteRtGetTensorBufferPackedSize(LiteRtTensorBuffer buffer, std::size_t* bytes);
LiteRtStatus LiteRtLockTensorBuffer(LiteRtTensorBuffer buffer, void** address, int mode);
LiteRtStatus LiteRtUnlockTensorBuffer(LiteRtTensorBuffer buffer);

}  // extern "C"
