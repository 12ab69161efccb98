title Settings of an extension were changed that are in no phone's file: nothing is stale
about 001B54AABBD4
phone {MAC} model 7942 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:01 gets SEP{MAC}.cnf.xml
0:02 gets dialplan.xml
0:05 registers 1001 agent Cisco-CP7942G/9.4.2
5:00 changes settings
fault: 6:00 changes
8:00 waits
finds config-stale
