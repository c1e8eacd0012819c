# Compiler and linker flags of everything in the tree. -Werror comes from the presets
# (CMAKE_COMPILE_WARNING_AS_ERROR), so that another compiler's new warning breaks nobody's build.
include(CheckCCompilerFlag)
include(CheckPIESupported)

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
check_pie_supported(LANGUAGES C)

# Debug code is optimised a little: the tests move gigabytes. Release keeps its assertions.
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")

add_library(adit_flags INTERFACE)
target_include_directories(adit_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(adit_flags INTERFACE _GNU_SOURCE)
target_compile_options(adit_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes
    -Wmissing-prototypes -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wformat=2 -Wvla
    -Wimplicit-fallthrough)

# What is tested is checked as what is released: a release must not end where tests pass.
if(NOT ADIT_SANITIZE AND NOT ADIT_COVERAGE)
    target_compile_options(adit_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3)
endif()

if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT ADIT_SANITIZE)
    foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection)
        string(MAKE_C_IDENTIFIER "has${flag}" known)
        check_c_compiler_flag(${flag} ${known})
        if(${known})
            target_compile_options(adit_flags INTERFACE ${flag})
        endif()
    endforeach()
    target_link_options(adit_flags INTERFACE -Wl,-z,relro,-z,now)
endif()

# gcc 12 loses a block that a list reaches through a pointer to its tail, and calls it leaked. Leaks are
# found by clang's analyzer, AddressSanitizer and Valgrind.
if(ADIT_ANALYZE)
    target_compile_options(adit_flags INTERFACE -fanalyzer -Wno-analyzer-malloc-leak)
endif()

if(ADIT_SANITIZE)
    target_compile_options(adit_flags INTERFACE
        -fsanitize=${ADIT_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(adit_flags INTERFACE -fsanitize=${ADIT_SANITIZE})
endif()

if(ADIT_FUZZ)
    target_compile_options(adit_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(ADIT_COVERAGE)
    target_compile_options(adit_flags INTERFACE --coverage -O0 -fprofile-update=atomic)
    target_link_options(adit_flags INTERFACE --coverage)
endif()
