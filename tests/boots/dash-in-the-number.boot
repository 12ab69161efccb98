title A 7940 on a load before 8.12 gets a user name with a dash
answers A15
about 001B54AABB15
phone {MAC} model 7940 lines 200
fault: extension 200 user 200-123456789
0:00 announces model 7940 load P0S3-08-9-00
sound: 0:05 asks CTLSEP{MAC}.tlv -> not-found
sound: 0:05 gets SIP{MAC}.cnf
sound: 0:06 gets RINGLIST.DAT
sound: 0:08 registers 200 agent Cisco-CP7940G/8.0
fault: 0:05 gets SIP{MAC}.cnf
fault: 0:06 gets RINGLIST.DAT
fault: 0:10 registers 200-123456789 agent Cisco-CP7940G/8.0
finds number-dash
