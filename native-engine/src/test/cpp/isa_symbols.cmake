# Files compiled for an instruction set must share no code. A function that their headers make
# external would be emitted in each of them, the linker would keep one copy for the whole library,
# and a processor without that instruction set could run into it.
#
#   cmake -DNM=nm -DOBJECTS=a.o;b.o -P isa_symbols.cmake
set(checked 0)
foreach(object IN LISTS OBJECTS)
  if(NOT object MATCHES "_avx(2|512)\\.cc")
    continue()
  endif()
  math(EXPR checked "${checked} + 1")
  execute_process(COMMAND ${NM} -C ${object} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCHALL "[0-9a-f]+ [TW] [^\n]*" shared "${symbols}")
  if(shared)
    list(JOIN shared "\n  " lines)
    message(SEND_ERROR "${object} shares code:\n  ${lines}")
  endif()
endforeach()
if(checked EQUAL 0)
  message(FATAL_ERROR "no object of an instruction set among: ${OBJECTS}")
endif()
