title A 7911 takes no time server from its configuration: its boot loader is an old one
answers A24
about 001B54AABB24
phone {MAC} model 7911 lines 1001
0:00 asks CTLSEP{MAC}.tlv -> not-found
0:00 gets SEP{MAC}.cnf.xml
0:01 gets dialplan.xml
0:03 registers 1001 agent Cisco-CP7911G/8.5.4
fault: 0:30 page SIP11.8-5-4S boot tnp11.3-0-1-23.bin
sound: 0:30 page SIP11.8-5-4S boot tnp11.3-0-1-31.bin
finds old-boot-loader
