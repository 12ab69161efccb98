title A 7942 says "Error Updating Locale" and "No Trust List Installed", and works: no fault
about 001B54AABBD5
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 asks ITLSEP{MAC}.tlv -> not-found
0:00 gets SEP{MAC}.cnf.xml
0:01 asks English_United_States/mk-sip.jar -> not-found
0:01 asks United_States/g3-tones.xml -> not-found
0:02 gets dialplan.xml
0:04 registers 1001 agent Cisco-CP7942G/9.4.2
4:00 waits
finds nothing
