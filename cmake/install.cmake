# What `cmake --install` puts where, besides the programs: the unit and its user, documentation and
# examples. The unit names the programs of the prefix that is in force when it is installed, so it is
# made then. Files in /etc are the administrator's: nothing is installed there.
set(ADIT_PACKAGING ${CMAKE_SOURCE_DIR}/packaging)
set(ADIT_UNIT ${CMAKE_BINARY_DIR}/aditd.service)

install(CODE "
    set(ADIT_BINDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_BINDIR}\")
    set(ADIT_DOCDIR \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATAROOTDIR}/doc/adit\")
    configure_file(\"${ADIT_PACKAGING}/systemd/aditd.service.in\" \"${ADIT_UNIT}\" @ONLY)
")
# systemd looks in lib/ of /usr and /usr/local, whatever the library directory of a distribution is.
install(FILES ${ADIT_UNIT} DESTINATION lib/systemd/system)
install(FILES ${ADIT_PACKAGING}/systemd/aditd.sysusers DESTINATION lib/sysusers.d
    RENAME aditd.conf)
install(FILES README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md LICENSE
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/adit)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/adit/docs
    FILES_MATCHING PATTERN "*.md")
install(DIRECTORY ${ADIT_PACKAGING}/examples/
    DESTINATION ${CMAKE_INSTALL_DATAROOTDIR}/doc/adit/examples)
