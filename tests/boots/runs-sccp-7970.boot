title A 7970 of a former call manager is assigned here and still runs SCCP
answers A7
about 001B54AABB07
phone {MAC} model 7970 lines 1001
fault: 0:00 announces model 7970 load SCCP70.8-3-3S
sound: 0:00 announces model 7970 load SIP70.9-3-1S
fault: 0:10 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:10 gets SEP{MAC}.cnf.xml
sound: 0:10 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:10 gets SEP{MAC}.cnf.xml
sound: 0:11 gets dialplan.xml
sound: 0:13 registers 1001 agent Cisco-CP7970G/9.3.1
5:00 waits
finds needs-conversion
