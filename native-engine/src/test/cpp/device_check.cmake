# The comparison of a device with the processor, on the emulated one: all of it agrees, and each of its checks tells of a difference
# where there is one.
#
#   SWITCHBOARD_CUDA_LIBRARY=libswitchboard_emulated.so cmake -DBENCH=sb_device_bench -P device_check.cmake
set(checks 15) # of quantised weights 3, of BF16 ones 3 for each of four kernels

# check(EXPECTED NAME [OPTION]...): each check's line begins with the name.
function(check EXPECTED NAME)
  execute_process(COMMAND ${BENCH} check --tiny ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output_of_errors)
  string(REGEX MATCHALL "\n${NAME} +tiny [^\n:]*:" named "\n${output}")
  list(LENGTH named count)
  if(NOT status EQUAL EXPECTED OR NOT count EQUAL checks)
    message(SEND_ERROR "${BENCH} check --tiny ${ARGN} ends with ${status}, and ${count} of ${checks} are '${NAME}':\n${output}${output_of_errors}")
  endif()
endfunction()

check(0 ok)
check(1 DIFFERS --differ)
