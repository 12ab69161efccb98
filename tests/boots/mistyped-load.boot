title The load that a 7940 is to run is not in the store; one that is nearly called so is
answers A29
about 001B54AABB29
fault: phone {MAC} model 7940 lines 1001 target P0S3-08-3-00
sound: phone {MAC} model 7940 lines 1001 target P0S3-08-2-00
firmware P0S3-08-2-00 P0S3-08-2-00.loads,P003-08-2-00.sbn,P0S3-08-2-00.sb2
0:05 asks CTLSEP{MAC}.tlv -> not-found
0:05 gets SIP{MAC}.cnf
0:06 gets RINGLIST.DAT
0:08 registers 1001 agent Cisco-CP7940G/8.2
finds load-unknown
