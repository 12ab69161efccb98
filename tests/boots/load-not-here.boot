title A 7940 was told a load by its former server, and no set here holds it
answers A8
about 001B54AABB08
phone {MAC} model 7940 lines 1001
sound: firmware P0S3-8-12-00 P0S3-8-12-00.loads,P003-8-12-00.sbn,P0S3-8-12-00.sb2
0:00 asks CTLSEP{MAC}.tlv -> not-found
fault: 0:01 asks P0S3-8-12-00.loads -> not-found
sound: 0:01 gets P0S3-8-12-00.loads
sound: 0:02 gets P0S3-8-12-00.sb2
sound: 1:00 asks CTLSEP{MAC}.tlv -> not-found
sound: 1:00 gets SIP{MAC}.cnf
sound: 1:01 gets RINGLIST.DAT
sound: 1:03 registers 1001 agent Cisco-CP7940G/8.0
finds firmware-missing
