title A 7970 was reset and stays black: its boot loader fetches nothing on power over the cable
answers A21
about 001B54AABB21
phone {MAC} model 7970 lines 1001
0:00 leases 10.0.7.60
fault: 0:01 announces model 7970 load 79XX_default_load
sound: 0:30 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:30 gets SEP{MAC}.cnf.xml
sound: 0:31 gets dialplan.xml
sound: 0:33 registers 1001 agent Cisco-CP7970G/9.3.1
3:00 waits
finds no-first-request
