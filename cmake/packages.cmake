# Finds every library by pkg-config. All that is missing is named at once, by its Debian package.
find_package(PkgConfig REQUIRED)

set(ADIT_MISSING "")

macro(adit_need name module package)
    pkg_check_modules(${name} QUIET IMPORTED_TARGET GLOBAL ${module})
    if(NOT ${name}_FOUND)
        list(APPEND ADIT_MISSING ${package})
    endif()
endmacro()

adit_need(uv libuv>=1.44 libuv1-dev)
adit_need(websockets libwebsockets>=4.1.6 libwebsockets-dev)
adit_need(openssl openssl>=3.0 libssl-dev)
adit_need(nghttp2 libnghttp2>=1.52 libnghttp2-dev)
adit_need(cjson libcjson libcjson-dev)
adit_need(xxhash libxxhash>=0.8 libxxhash-dev)
adit_need(sqlite sqlite3>=3.40 libsqlite3-dev)
adit_need(yaml yaml-0.1 libyaml-dev)
adit_need(zlib zlib zlib1g-dev)
adit_need(brotli libbrotlidec libbrotli-dev)
adit_need(zstd libzstd libzstd-dev)
if(BUILD_TESTING)
    adit_need(cmocka cmocka libcmocka-dev)
    adit_need(brotli_encoder libbrotlienc libbrotli-dev)
endif()

# libwebsockets loads its libuv support at run time, so nothing at link time would miss it.
find_library(ADIT_EVLIB_UV libwebsockets-evlib_uv.so)
mark_as_advanced(ADIT_EVLIB_UV)
if(NOT ADIT_EVLIB_UV)
    list(APPEND ADIT_MISSING libwebsockets-evlib-uv)
endif()

if(ADIT_MISSING)
    list(JOIN ADIT_MISSING " " packages)
    message(FATAL_ERROR "Missing Debian packages. Run scripts/setup, or:\n"
        "  apt-get install ${packages}")
endif()

# On x86-64 the library may have XXH3 by AVX2 and AVX-512 too, chosen by the processor at run time.
include(CheckSymbolExists)
set(CMAKE_REQUIRED_LIBRARIES PkgConfig::xxhash)
check_symbol_exists(XXH3_128bits_update_dispatch xxh_x86dispatch.h ADIT_XXH_X86DISPATCH)
unset(CMAKE_REQUIRED_LIBRARIES)
